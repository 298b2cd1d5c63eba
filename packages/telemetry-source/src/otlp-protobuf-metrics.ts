import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { type DecodedPoints, NO_RECORDED_VALUE, PointBatch, temporalityOf } from './metric-point.js';
import { readAttributeText, readResource } from './otlp-protobuf-attributes.js';
import { bytesTag, fixed64Tag, ProtobufCursor, varintTag } from './protobuf-cursor.js';
import type { SpanOrigin } from './raw-span.js';

/** Fields of Metric that hold data: gauge, sum, histogram, exponential histogram. */
const SHAPES: ReadonlyMap<number, Shape> = new Map([
  [bytesTag(5), 'gauge'],
  [bytesTag(7), 'sum'],
  [bytesTag(9), 'histogram'],
  [bytesTag(10), 'exponential'],
]);
type Shape = 'gauge' | 'sum' | 'histogram' | 'exponential';

const MAX_ATTRIBUTES = 64;

/**
 * An ExportMetricsServiceRequest (opentelemetry/proto/collector/metrics/v1) in protobuf. Only metrics whose name is
 * `wanted` are decoded.
 */
export function decodeMetricsProtobuf(
  body: Buffer,
  wanted: (name: string) => boolean,
): Outcome<DecodedPoints, 'malformed'> {
  const batch = new PointBatch();
  try {
    const cursor = new ProtobufCursor(body);
    while (cursor.more(body.length)) {
      const tag = cursor.tag();
      if (tag === bytesTag(1)) readResourceMetrics(cursor, cursor.open(body.length), wanted, batch);
      else cursor.skip(tag, body.length);
    }
    return success(batch);
  } catch (error) {
    return failure('malformed', `not a protobuf ExportMetricsServiceRequest: ${errorMessage(error)}`);
  }
}

function readResourceMetrics(
  cursor: ProtobufCursor,
  end: number,
  wanted: (name: string) => boolean,
  batch: PointBatch,
): void {
  const { origin, groups } = readResource(cursor, end);
  for (const start of groups) {
    cursor.seek(start);
    const groupEnd = cursor.open(end);
    while (cursor.more(groupEnd)) {
      const tag = cursor.tag();
      if (tag === bytesTag(2)) readMetric(cursor, cursor.open(groupEnd), origin, wanted, batch);
      else cursor.skip(tag, groupEnd);
    }
  }
  cursor.seek(end);
}

/** What the points of a metric share. */
interface MetricHead extends SpanOrigin {
  readonly name: string;
  readonly unit: string;
}

/** Metric: 1 name, 3 unit, then one of the shapes, which may stand before the name. */
function readMetric(
  cursor: ProtobufCursor,
  end: number,
  origin: SpanOrigin,
  wanted: (name: string) => boolean,
  batch: PointBatch,
): void {
  let name = '';
  let unit = '';
  let shape: Shape | undefined;
  let dataAt = 0;
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === bytesTag(1)) name = cursor.text(end);
    else if (tag === bytesTag(3)) unit = cursor.text(end);
    else {
      const found = SHAPES.get(tag);
      if (found !== undefined) {
        shape = found;
        dataAt = cursor.position;
      }
      cursor.skip(tag, end);
    }
  }
  if (shape === undefined || !wanted(name)) return;
  cursor.seek(dataAt);
  readData(cursor, cursor.open(end), shape, { ...origin, name, unit }, batch);
  cursor.seek(end);
}

/** Gauge, Sum and both histograms: 1 data_points, 2 aggregation_temporality, 3 is_monotonic. */
function readData(
  cursor: ProtobufCursor,
  end: number,
  shape: Shape,
  head: MetricHead,
  batch: PointBatch,
): void {
  let temporality = 0;
  let monotonic = false;
  const points: number[] = [];
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === varintTag(2)) temporality = cursor.varint();
    else if (tag === varintTag(3)) monotonic = cursor.bool();
    else {
      if (tag === bytesTag(1)) points.push(cursor.position);
      cursor.skip(tag, end);
    }
  }
  for (const start of points) {
    cursor.seek(start);
    const point = readPoint(cursor, cursor.open(end), shape);
    if (point.unrecorded) continue;
    const { value, count, sum, series, startMs, timeMs } = point;
    batch.add({
      ...head,
      series,
      startMs,
      timeMs,
      value:
        shape === 'gauge'
          ? { kind: 'gauge', value }
          : shape === 'sum'
            ? { kind: 'sum', value, monotonic, temporality: temporalityOf(temporality) }
            : { kind: 'histogram', count, sum, temporality: temporalityOf(temporality) },
    });
  }
  cursor.seek(end);
}

interface PointFields {
  startMs: number;
  timeMs: number;
  value: number;
  count: number;
  sum: number;
  series: string;
  unrecorded: boolean;
}

/**
 * NumberDataPoint: 4 as_double, 6 as_int, 7 attributes, 8 flags. HistogramDataPoint: 4 count, 5 sum, 9 attributes,
 * 10 flags. ExponentialHistogramDataPoint: 1 attributes, 4 count, 5 sum, 10 flags. All: 2 start, 3 time.
 */
function readPoint(cursor: ProtobufCursor, end: number, shape: Shape): PointFields {
  const isNumber = shape === 'gauge' || shape === 'sum';
  const attributesTag = bytesTag(isNumber ? 7 : shape === 'histogram' ? 9 : 1);
  const flagsTag = varintTag(isNumber ? 8 : 10);
  const attributes: string[] = [];
  const point: PointFields = {
    startMs: 0,
    timeMs: 0,
    value: Number.NaN,
    count: 0,
    sum: Number.NaN,
    series: '',
    unrecorded: false,
  };
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === fixed64Tag(2)) point.startMs = Math.floor(cursor.microseconds() / 1000);
    else if (tag === fixed64Tag(3)) point.timeMs = Math.floor(cursor.microseconds() / 1000);
    else if (tag === fixed64Tag(4) && isNumber) point.value = cursor.double();
    else if (tag === fixed64Tag(4)) point.count = cursor.fixed64();
    else if (tag === fixed64Tag(5) && !isNumber) point.sum = cursor.double();
    else if (tag === fixed64Tag(6) && isNumber) point.value = cursor.sfixed64();
    else if (tag === attributesTag && attributes.length < MAX_ATTRIBUTES) {
      attributes.push(readAttributeText(cursor, cursor.open(end)));
    } else if (tag === flagsTag) point.unrecorded = (cursor.varint() & NO_RECORDED_VALUE) !== 0;
    else cursor.skip(tag, end);
  }
  point.series = attributes.sort().join(',');
  return point;
}
