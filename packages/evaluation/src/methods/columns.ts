import { FEATURES, type FeatureName, median, type Percentile, robustScale, type Window } from '@sage/core';
import type { Evidence } from '../observed.js';
import { nodesServedBy } from './service-nodes.js';

/** Least spread of a latency worth believing in, as Sage has it: 5 % and 0.2 ms. Features have a resolution of their own. */
const LATENCY_FLOOR_RATIO = 0.05;
const LATENCY_FLOOR_MS = 0.2;

/** A column of the windows by name. */
export interface Column {
  read(window: Window): number | undefined;
  /** The least change worth noticing. */
  resolution(values: ArrayLike<number>): number;
}

/** `resolution`: of the column that the values are of. */
export type Scale = (
  values: ArrayLike<number>,
  resolution: number,
) => { readonly center: number; readonly spread: number };

export function latencyOf(node: string, percentile: Percentile): Column {
  return latencyColumn((window) => window.latency.get(node)?.[percentile]);
}

/** Of all that a service serves: the mean of its operations, as often as each was called. */
export function serviceLatencyOf(service: string, { graph, objective }: Evidence): Column {
  const nodes = nodesServedBy(graph, service);
  return latencyColumn((window) => {
    const stats = nodes.flatMap((node) => window.latency.get(node) ?? []);
    const calls = stats.reduce((sum, { count }) => sum + count, 0);
    if (calls === 0) return undefined;
    return stats.reduce((sum, item) => sum + item.count * item[objective.percentile], 0) / calls;
  });
}

function latencyColumn(read: Column['read']): Column {
  return {
    read,
    resolution: (values) => Math.max(LATENCY_FLOOR_MS, LATENCY_FLOOR_RATIO * median(values)),
  };
}

export function metricOf(service: string, feature: FeatureName): Column {
  return {
    read: (window) => window.metrics.get(service)?.get(feature),
    resolution: () => FEATURES[feature].resolution,
  };
}

/** How many spreads a window's value is from what is normal; 0 where either is not known. */
export function standardiser(
  column: Column,
  normal: readonly Window[],
  scale: Scale = robustScale,
): (window: Window) => number {
  const values = knownValues(column, normal);
  if (values.length === 0) return () => 0;
  const { center, spread } = scale(values, column.resolution(values));
  return (window) => {
    const now = column.read(window);
    return now === undefined || !Number.isFinite(now) ? 0 : (now - center) / spread;
  };
}

/** Those that are numbers. Read of thousands of windows for each question, hence the loop. */
function knownValues(column: Column, windows: readonly Window[]): Float64Array {
  const values = new Float64Array(windows.length);
  let known = 0;
  for (const window of windows) {
    const value = column.read(window);
    if (value !== undefined && Number.isFinite(value)) values[known++] = value;
  }
  return values.subarray(0, known);
}

/** A column's values, the median where there is none; undefined where none is known. */
export function filled(column: Column, windows: readonly Window[]): Float64Array | undefined {
  const values = windows.map((window) => column.read(window) ?? Number.NaN);
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return undefined;
  const usual = median(known);
  return Float64Array.from(values, (value) => (Number.isFinite(value) ? value : usual));
}
