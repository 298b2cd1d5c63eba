import {
  callsPerSecond,
  FEATURES,
  median,
  PERCENTILES,
  quantile,
  robustScale,
  type Window,
} from '@sage/core';
import type { Layout } from './layout.js';

/** What turns readings into network inputs and back. Flat: [service][feature], [root], [node][percentile]. */
export interface Scales {
  readonly featureCenter: Float64Array;
  readonly featureSpread: Float64Array;
  readonly featureLow: Float64Array;
  readonly featureHigh: Float64Array;
  readonly loadCenter: Float64Array;
  readonly loadSpread: Float64Array;
  readonly loadLow: Float64Array;
  readonly loadHigh: Float64Array;
  /** A node's time of its own, by the graph's weights, ms. */
  readonly ownCenter: Float64Array;
  readonly ownSpread: Float64Array;
  readonly ownLow: Float64Array;
  readonly ownHigh: Float64Array;
  /** ms. */
  readonly median: Float64Array;
  /** Robust spread of log1p(ms). */
  readonly logSpread: Float64Array;
  /** Size of own p50, p95 − p50 and p99 − p95 when the network says nothing, ms. */
  readonly selfScale: Float64Array;
}

/** How far beyond what training saw an input may go, in scaled units, before it is held. */
const MARGIN = 0.1;

export function fitScales(layout: Layout, windows: readonly Window[]): Scales {
  const { services, features, nodes, roots, width } = layout;
  const sf = services.length * width.features;
  const nq = 3 * nodes.length;
  const zeros = (size: number) => new Float64Array(size);
  const ones = (size: number) => new Float64Array(size).fill(1);
  const scales: Scales = {
    featureCenter: zeros(sf),
    featureSpread: ones(sf),
    featureLow: zeros(sf),
    featureHigh: zeros(sf),
    loadCenter: zeros(width.roots),
    loadSpread: ones(width.roots),
    loadLow: zeros(width.roots),
    loadHigh: zeros(width.roots),
    ownCenter: zeros(nq),
    ownSpread: ones(nq),
    ownLow: zeros(nq),
    ownHigh: zeros(nq),
    median: zeros(nq),
    logSpread: ones(nq),
    selfScale: zeros(nq),
  };
  services.forEach((service, s) => {
    features[s]?.forEach((feature, f) => {
      const values = finite(windows.map((window) => window.metrics.get(service)?.get(feature)));
      const { resolution } = FEATURES[feature];
      fitColumn(scales, 'feature', s * width.features + f, values, resolution);
    });
  });
  roots.forEach((root, r) => {
    const values = windows.map((window) => Math.log1p(callsPerSecond(window, root)));
    fitColumn(scales, 'load', r, values, 0.05);
  });
  fitLatency(layout, windows, scales);
  return scales;
}

function fitLatency(layout: Layout, windows: readonly Window[], scales: Scales): void {
  layout.nodes.forEach((node, v) => {
    PERCENTILES.forEach((percentile, q) => {
      const values = finite(windows.map((window) => window.latency.get(node)?.[percentile]));
      scales.median[3 * v + q] = values.length === 0 ? 0 : median(values);
      const logs = values.map((value) => Math.log1p(value));
      scales.logSpread[3 * v + q] = values.length === 0 ? 1 : robustScale(logs, 0.05).spread;
    });
  });
  const own = windows.map((window) => ownTimes(layout, observe(layout, scales, window)));
  const seen = windows.map((window) => layout.nodes.map((node) => window.latency.has(node)));
  layout.nodes.forEach((_, v) => {
    const rows = own.filter((_row, i) => seen[i]?.[v]);
    for (let q = 0; q < 3; q++) {
      const at = 3 * v + q;
      const floor = Math.max(0.02, 0.02 * (scales.median[at] as number));
      fitColumn(
        scales,
        'own',
        at,
        rows.map((row) => row[at] as number),
        floor,
      );
      const part = (row: Float64Array) => (row[at] as number) - (q === 0 ? 0 : (row[at - 1] as number));
      scales.selfScale[at] = Math.max(floor, rows.length === 0 ? 0 : median(rows.map(part)));
    }
  });
}

function fitColumn(
  scales: Scales,
  kind: 'feature' | 'load' | 'own',
  at: number,
  values: readonly number[],
  floor: number,
): void {
  if (values.length === 0) return;
  const { center, spread } = robustScale(values, floor);
  scales[`${kind}Center`][at] = center;
  scales[`${kind}Spread`][at] = spread;
  scales[`${kind}Low`][at] = Math.asinh((quantile(values, 0) - center) / spread) - MARGIN;
  scales[`${kind}High`][at] = Math.asinh((quantile(values, 1) - center) / spread) + MARGIN;
}

/** A reading as a network sees it: never outside what training saw. Missing readings are typical ones: 0. */
export function scaled(
  scales: Scales,
  kind: 'feature' | 'load' | 'own',
  at: number,
  value: number | undefined,
): number {
  if (value === undefined || !Number.isFinite(value)) return 0;
  const soft = Math.asinh(
    (value - (scales[`${kind}Center`][at] as number)) / (scales[`${kind}Spread`][at] as number),
  );
  return Math.min(Math.max(soft, scales[`${kind}Low`][at] as number), scales[`${kind}High`][at] as number);
}

/** Latencies of a window in ms, [node][percentile]; the training median where a node was not seen. */
export function observe(layout: Layout, scales: Pick<Scales, 'median'>, window: Window): Float64Array {
  const observed = Float64Array.from(scales.median);
  layout.nodes.forEach((node, v) => {
    const stats = window.latency.get(node);
    if (stats === undefined) return;
    PERCENTILES.forEach((percentile, q) => {
      if (Number.isFinite(stats[percentile])) observed[3 * v + q] = stats[percentile];
    });
  });
  return observed;
}

/** Latency less what the graph's weights say it waited for, ms. */
function ownTimes(layout: Layout, observed: Float64Array): Float64Array {
  const own = Float64Array.from(observed);
  for (const edge of layout.edges) {
    for (let q = 0; q < 3; q++) {
      let sum = 0;
      for (let k = 0; k < 3; k++)
        sum += (edge.mix[3 * q + k] as number) * (observed[3 * edge.parent + k] as number);
      own[3 * edge.child + q] = (own[3 * edge.child + q] as number) - edge.weight * sum;
    }
  }
  return own;
}

/** What networks read of a window. Flat: [service][feature], [root], [service][owned node][percentile]. */
export interface Inputs {
  readonly features: Float64Array;
  readonly load: Float64Array;
  readonly own: Float64Array;
  readonly observed: Float64Array;
  /** 1 where the node was seen. */
  readonly seen: Uint8Array;
}

export function readInputs(layout: Layout, scales: Scales, window: Window): Inputs {
  const { services, nodes, roots, width } = layout;
  const features = new Float64Array(services.length * width.features);
  services.forEach((service, s) => {
    layout.features[s]?.forEach((feature, f) => {
      const at = s * width.features + f;
      features[at] = scaled(scales, 'feature', at, window.metrics.get(service)?.get(feature));
    });
  });
  const load = new Float64Array(width.roots);
  roots.forEach((root, r) => {
    load[r] = scaled(scales, 'load', r, Math.log1p(callsPerSecond(window, root)));
  });
  const observed = observe(layout, scales, window);
  const seen = Uint8Array.from(nodes, (node) => (window.latency.has(node) ? 1 : 0));
  const times = ownTimes(layout, observed);
  const own = new Float64Array(services.length * width.owned * 3);
  layout.owned.forEach((list, s) => {
    list.forEach((v, slot) => {
      if (seen[v] === 0) return;
      for (let q = 0; q < 3; q++) {
        own[(s * width.owned + slot) * 3 + q] = scaled(scales, 'own', 3 * v + q, times[3 * v + q]);
      }
    });
  });
  return { features, load, own, observed, seen };
}

function finite(values: readonly (number | undefined)[]): number[] {
  return values.filter((value): value is number => value !== undefined && Number.isFinite(value));
}
