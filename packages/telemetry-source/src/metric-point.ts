import type { SpanOrigin } from './raw-span.js';

/** `delta`: since `startMs`. `cumulative`: since the sender began, at `startMs`. */
export type Temporality = 'delta' | 'cumulative';

/** What a data point says, whichever encoding it came in. */
export type PointValue =
  | { readonly kind: 'gauge'; readonly value: number }
  | {
      readonly kind: 'sum';
      readonly value: number;
      readonly monotonic: boolean;
      readonly temporality: Temporality;
    }
  | {
      readonly kind: 'histogram';
      readonly count: number;
      readonly sum: number;
      readonly temporality: Temporality;
    };

export interface MetricPoint extends SpanOrigin {
  readonly name: string;
  readonly unit: string;
  /** The attributes of the point in one text: tells the series of a metric apart. */
  readonly series: string;
  /** 0 where the sender does not say. */
  readonly startMs: number;
  readonly timeMs: number;
  readonly value: PointValue;
}

/** Why a single data point is rejected while the rest of its request is taken. */
export type PointRejection = 'bad_time' | 'bad_value' | 'too_many_points';

export const POINT_REJECTION_TEXT: Readonly<Record<PointRejection, string>> = {
  bad_time: 'a data point must have a time after 1970',
  bad_value: 'a data point must have a finite value, a histogram a finite sum and a count',
  too_many_points: 'a request may hold at most 100000 data points of metrics that are read',
};

const MAX_POINTS = 100_000;

export interface DecodedPoints {
  readonly points: readonly MetricPoint[];
  readonly rejected: ReadonlyMap<PointRejection, number>;
}

/** Gathers the data points of one request. */
export class PointBatch implements DecodedPoints {
  readonly points: MetricPoint[] = [];
  readonly rejected = new Map<PointRejection, number>();

  add(point: MetricPoint): void {
    const rejection = this.#judge(point);
    if (rejection === undefined) this.points.push(point);
    else this.rejected.set(rejection, (this.rejected.get(rejection) ?? 0) + 1);
  }

  #judge({ timeMs, value }: MetricPoint): PointRejection | undefined {
    if (!(timeMs > 0 && timeMs <= Number.MAX_SAFE_INTEGER)) return 'bad_time';
    const finite =
      value.kind === 'histogram'
        ? Number.isFinite(value.sum) && value.count >= 0
        : Number.isFinite(value.value);
    if (!finite) return 'bad_value';
    return this.points.length >= MAX_POINTS ? 'too_many_points' : undefined;
  }
}

/** OTLP's AggregationTemporality; what is unspecified is taken as the default of all senders. */
export function temporalityOf(code: number): Temporality {
  return code === 1 ? 'delta' : 'cumulative';
}

/** DataPointFlags: the sender had nothing to record. */
export const NO_RECORDED_VALUE = 1;
