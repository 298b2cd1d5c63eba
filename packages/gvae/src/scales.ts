import { callsPerSecond, FEATURES, median, PERCENTILES, robustScale, type Window } from '@sage/core';
import { HandedOn } from './handed-on.js';
import type { Layout, Unit } from './layout.js';
import { indexOf } from './layout-index.js';
import { positive, rawOf } from './own-time.js';

/** How a column of readings becomes inputs of networks. */
export interface ColumnScales {
  readonly center: Float64Array;
  readonly spread: Float64Array;
  /** Least and most that networks are shown, in scaled units. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** What turns readings into network inputs and back. */
export interface Scales {
  /** [unit][feature]. */
  readonly feature: ColumnScales;
  /** [root], of log1p(requests/s). */
  readonly load: ColumnScales;
  /** [node][percentile], ms. */
  readonly median: Float64Array;
  /** [node][percentile]: robust spread of log1p(ms). */
  readonly logSpread: Float64Array;
  /** [node][percentile]: size of own p50, p95 − p50 and p99 − p95 when the networks say nothing, ms. */
  readonly selfScale: Float64Array;
  /** [node][percentile]: root of the mean square of the raw number that makes the own part, 0 being what is usual. */
  readonly rawSpread: Float64Array;
}

/** Those of a column, and those of [node][percentile]. */
export const COLUMN_SCALES = ['center', 'spread', 'low', 'high'] as const;
export const NODE_SCALES = ['median', 'logSpread', 'selfScale', 'rawSpread'] as const;

/** What hardly varied in training is not magnified beyond this: a disturbance is at most so many spreads. */
const LEAST_RAW_SPREAD = 0.05;

/** How far beyond what training saw an input may go, in scaled units, before it is held. */
const MARGIN = 0.1;

/** What reads nothing of a reading. */
export function emptyScales(layout: Layout): Scales {
  const nq = 3 * layout.nodes.length;
  return {
    feature: emptyColumns(indexOf(layout).features[layout.units.length] as number),
    load: emptyColumns(layout.roots.length),
    median: new Float64Array(nq),
    logSpread: new Float64Array(nq).fill(1),
    selfScale: new Float64Array(nq),
    rawSpread: new Float64Array(nq).fill(1),
  };
}

export function fitScales(layout: Layout, windows: readonly Window[]): Scales {
  const index = indexOf(layout);
  const scales = emptyScales(layout);
  const { feature, load, median: medians, logSpread } = scales;
  layout.units.forEach(({ service, features }, u) => {
    const at = index.features[u] as number;
    features.forEach((name, f) => {
      const values = finite(windows.map((window) => window.metrics.get(service)?.get(name)));
      fitColumn(feature, at + f, values, FEATURES[name].resolution);
    });
  });
  layout.roots.forEach((root, r) => {
    fitColumn(
      load,
      r,
      windows.map((window) => Math.log1p(callsPerSecond(window, root))),
      0.05,
    );
  });
  layout.nodes.forEach((node, v) => {
    PERCENTILES.forEach((percentile, q) => {
      const values = finite(windows.map((window) => window.latency.get(node)?.[percentile]));
      if (values.length === 0) return;
      medians[3 * v + q] = median(values);
      logSpread[3 * v + q] = robustScale(
        values.map((value) => Math.log1p(value)),
        0.05,
      ).spread;
    });
  });
  fitOwnTimes(layout, windows, scales);
  return scales;
}

function fitOwnTimes(
  layout: Layout,
  windows: readonly Window[],
  { median: medians, selfScale, rawSpread }: Scales,
): void {
  const handedOn = new HandedOn(layout);
  const { guessed } = indexOf(layout);
  const rows = windows.map((window) => {
    const observed = observe(layout, medians, window);
    return { observed, handed: handedByGraph(layout, handedOn, observed) };
  });
  layout.nodes.forEach((node, v) => {
    const seen = rows.filter((_, i) => windows[i]?.latency.has(node));
    const below = new Float64Array(seen.length);
    for (let q = 0; q < 3; q++) {
      const at = 3 * v + q;
      const floor = Math.max(0.02, 0.02 * (medians[at] as number));
      const took = seen.map(({ observed }, i) => (observed[at] as number) - (below[i] as number));
      const handed = seen.map((row) => row.handed[at] as number);
      if (seen.length === 0) {
        selfScale[at] = floor;
        continue;
      }
      const usualMs = Math.max(floor, median(took.map((ms, i) => ms - (handed[i] as number))));
      const isGuess = guessed[v] === 1;
      const raws = took.map((ms, i) => rawOf(ms, { handedMs: handed[i] as number, isGuess, usualMs }));
      const square = raws.reduce((sum, raw) => sum + raw ** 2, 0) / raws.length;
      selfScale[at] = usualMs;
      rawSpread[at] = Math.max(LEAST_RAW_SPREAD, Math.sqrt(square));
      raws.forEach((raw, i) => {
        below[i] = (below[i] as number) + positive(raw) * usualMs;
      });
    }
  });
}

/**
 * [node][percentile]: the raw numbers that make of what was handed on, by the graph's weights, what was observed, the own
 * p50, p95 − p50 and p99 − p95 being added up. Both in ms.
 */
export function ownRaws(
  layout: Layout,
  { selfScale }: Scales,
  { observed, handed }: { readonly observed: Float64Array; readonly handed: Float64Array },
): Float64Array {
  const { guessed } = indexOf(layout);
  const raws = new Float64Array(observed.length);
  let below = 0;
  for (let at = 0; at < raws.length; at++) {
    if (at % 3 === 0) below = 0;
    const usualMs = selfScale[at] as number;
    const isGuess = guessed[Math.floor(at / 3)] === 1;
    const raw = rawOf((observed[at] as number) - below, { handedMs: handed[at] as number, isGuess, usualMs });
    below += positive(raw) * usualMs;
    raws[at] = raw;
  }
  return raws;
}

/** [own percentile]: the raw number that a latent of 1 stands for where all owners of the node say the same. */
export function unitRawSpread({ rawSpread }: Scales, { nodes }: Unit): Float32Array {
  return Float32Array.from(
    { length: 3 * nodes.length },
    (_, i) => rawSpread[3 * (nodes[Math.floor(i / 3)] as number) + (i % 3)] as number,
  );
}

/** [own percentile]: what a latent of 1 adds to its head; owners of one node share it. */
export function unitLatentScale({ owners }: Layout, scales: Scales, unit: Unit): Float32Array {
  return unitRawSpread(scales, unit).map(
    (spread, i) => spread / (owners[unit.nodes[Math.floor(i / 3)] as number]?.length ?? 1),
  );
}

function emptyColumns(size: number): ColumnScales {
  return {
    center: new Float64Array(size),
    spread: new Float64Array(size).fill(1),
    low: new Float64Array(size),
    high: new Float64Array(size),
  };
}

function fitColumn(columns: ColumnScales, at: number, values: readonly number[], floor: number): void {
  if (values.length === 0) return;
  const { center, spread } = robustScale(values, floor);
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  columns.center[at] = center;
  columns.spread[at] = spread;
  columns.low[at] = Math.asinh((least - center) / spread) - MARGIN;
  columns.high[at] = Math.asinh((most - center) / spread) + MARGIN;
}

/** A reading as a network sees it: never outside what training saw. Missing readings are typical ones: 0. */
export function scaled(columns: ColumnScales, at: number, value: number | undefined): number {
  if (value === undefined || !Number.isFinite(value)) return 0;
  const soft = softened(columns, at, value);
  return Math.min(Math.max(soft, columns.low[at] as number), columns.high[at] as number);
}

/** The same however far outside it is. */
export function softened({ center, spread }: ColumnScales, at: number, value: number): number {
  return Math.asinh((value - (center[at] as number)) / (spread[at] as number));
}

/** Latencies of a window in ms, [node][percentile]; the training median where a node was not seen. */
export function observe(layout: Layout, medians: Float64Array, window: Window): Float64Array {
  const observed = Float64Array.from(medians);
  layout.nodes.forEach((node, v) => {
    const stats = window.latency.get(node);
    if (stats === undefined) return;
    PERCENTILES.forEach((percentile, q) => {
      if (Number.isFinite(stats[percentile])) observed[3 * v + q] = stats[percentile];
    });
  });
  return observed;
}

/** What the graph's weights say was waited for, [node][percentile], ms. */
export function handedByGraph(layout: Layout, handedOn: HandedOn, latencies: Float64Array): Float64Array {
  const weights = graphWeights(layout);
  const handed = new Float64Array(latencies.length);
  layout.nodes.forEach((_, v) => {
    if (!handedOn.has(v)) return;
    for (let q = 0; q < 3; q++) handed[3 * v + q] = handedOn.value(v, q, { latencies, weights });
  });
  return handed;
}

const known = new WeakMap<Layout, Float64Array>();

function graphWeights(layout: Layout): Float64Array {
  let weights = known.get(layout);
  if (weights === undefined) {
    weights = Float64Array.from(layout.edges, ({ weight }) => weight);
    known.set(layout, weights);
  }
  return weights;
}

function finite(values: readonly (number | undefined)[]): number[] {
  return values.filter((value): value is number => value !== undefined && Number.isFinite(value));
}
