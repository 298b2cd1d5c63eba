import {
  FEATURES,
  type FeatureName,
  median,
  type Percentile,
  quantileOfSorted,
  robustScaleOfSorted,
  type Window,
} from '@sage/core';
import type { Evidence } from '../observed.js';
import type { Reference } from './references.js';
import { nodesServedBy } from './service-nodes.js';

/** Least spread of a latency worth believing in, as Sage has it: 5 % and 0.2 ms. Features have a resolution of their own. */
const LATENCY_FLOOR_RATIO = 0.05;
const LATENCY_FLOOR_MS = 0.2;

/** A column of the windows by name. */
export interface Column {
  /** Another for each column that is read for one objective. */
  readonly name: string;
  read(window: Window): number | undefined;
  /** The least change worth noticing, of known values in ascending order. */
  resolution(sorted: ArrayLike<number>): number;
}

/** `sorted`: values in ascending order; `resolution`: of their column. */
export type Scale = (
  sorted: ArrayLike<number>,
  resolution: number,
) => { readonly center: number; readonly spread: number };

export function latencyOf(node: string, percentile: Percentile): Column {
  return latencyColumn(`${node} ${percentile}`, (window) => window.latency.get(node)?.[percentile]);
}

/** Of all that a service serves: the mean of its operations, as often as each was called. Read of thousands of windows, hence the loop. */
export function serviceLatencyOf(service: string, { graph, objective }: Evidence): Column {
  const nodes = nodesServedBy(graph, service);
  return latencyColumn(`latency of ${service}`, (window) => {
    let [calls, sum] = [0, 0];
    for (const node of nodes) {
      const stats = window.latency.get(node);
      if (stats === undefined) continue;
      calls += stats.count;
      sum += stats.count * stats[objective.percentile];
    }
    return calls === 0 ? undefined : sum / calls;
  });
}

function latencyColumn(name: string, read: Column['read']): Column {
  return {
    name,
    read,
    resolution: (sorted) => Math.max(LATENCY_FLOOR_MS, LATENCY_FLOOR_RATIO * quantileOfSorted(sorted, 0.5)),
  };
}

export function metricOf(service: string, feature: FeatureName): Column {
  return {
    name: `${feature} of ${service}`,
    read: (window) => window.metrics.get(service)?.get(feature),
    resolution: () => FEATURES[feature].resolution,
  };
}

/** How many spreads a window's value is from what is normal; 0 where either is not known. */
export function standardiser(
  column: Column,
  normal: Reference,
  scale: Scale = robustScaleOfSorted,
): (window: Window) => number {
  const sorted = normal.sorted(column);
  if (sorted.length === 0) return () => 0;
  const { center, spread } = scale(sorted, column.resolution(sorted));
  return (window) => {
    const now = column.read(window);
    return now === undefined || !Number.isFinite(now) ? 0 : (now - center) / spread;
  };
}

/** A column's values, the median where there is none; undefined where none is known. */
export function filled(column: Column, windows: readonly Window[]): Float64Array | undefined {
  const values = windows.map((window) => column.read(window) ?? Number.NaN);
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return undefined;
  const usual = median(known);
  return Float64Array.from(values, (value) => (Number.isFinite(value) ? value : usual));
}
