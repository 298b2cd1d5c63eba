import type { MeanDelay } from '@sage/causal-graph';
import { LATENCY_ACCURACY, type LatencyNodeId, median, type Rng, shuffled } from '@sage/core';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Mechanism } from './mechanism.js';
import { OwnDelay } from './own-delay.js';
import type { Scales } from './scales.js';

/** A node that took longer than usual by itself, and what it was handed may hide it. */
export interface NodeDelay {
  readonly id: LatencyNodeId;
  readonly delay: OwnDelay;
  /** p50, p95 and p99 that it took in the window, ms… */
  readonly tookMs: readonly number[];
  /** …and what it usually adds to them. */
  readonly usualOwnMs: readonly number[];
  /** What its own delay is expected to have added to them beside, ms. */
  readonly addedMs: readonly number[];
}

/** By node, of those that were handed something: of all others quantiles tell. */
export function nodeDelays(
  {
    layout,
    scales: { median: usual },
    mechanism,
  }: { readonly layout: Layout; readonly scales: Scales; readonly mechanism: Mechanism },
  { observed, counts }: Pick<Inputs, 'observed' | 'counts'>,
  means: ReadonlyMap<LatencyNodeId, MeanDelay>,
): ReadonlyMap<number, NodeDelay> {
  const delays = new Map<number, NodeDelay>();
  for (const [id, mean] of means) {
    const v = indexOf(layout).node.get(id);
    const count = v === undefined ? 0 : (counts[v] as number);
    if (v === undefined || count === 0 || !mechanism.handing.has(v)) continue;
    const tookMs = [...observed.subarray(3 * v, 3 * v + 3)];
    const usualOwnMs = tookMs.map((_, q) =>
      Math.max(0, (usual[3 * v + q] as number) - mechanism.handedOn(v, q, usual)),
    );
    const base = usualOwnMs.map((ms, q) => ms + mechanism.handedOn(v, q, observed));
    const delay = new OwnDelay({ mean, base, took: tookMs, count });
    const spreads = delay.take(base);
    const addedMs = base.map((ms, q) =>
      spreads.reduce((sum, { took, weight }) => sum + weight * Math.max(0, (took[q] as number) - ms), 0),
    );
    delays.set(v, { id, delay, tookMs, usualOwnMs, addedMs });
  }
  return delays;
}

/** What was unexplained, ms, [node][percentile], less what is explained by own delays. */
export function leftBeside(delays: ReadonlyMap<number, NodeDelay>, unexplained: Float64Array): Float64Array {
  const left = Float64Array.from(unexplained);
  for (const [v, { addedMs }] of delays) {
    addedMs.forEach((ms, q) => {
      const was = left[3 * v + q] as number;
      left[3 * v + q] = was > 0 ? Math.max(0, was - ms) : was;
    });
  }
  return left;
}

/**
 * What a node takes at least in worlds in which it is handed less, ms, [percentile][world]: its own delay comes to light. No
 * more than it took; and in as many worlds each way in which the delay may be spread as it is likely. undefined where it is
 * handed no less.
 */
export function tookAtLeast(
  { id, delay, tookMs, usualOwnMs }: NodeDelay,
  {
    before,
    now,
    worlds,
    rng,
  }: {
    readonly before: Float64Array;
    readonly now: Float64Array;
    readonly worlds: number;
    readonly rng: Rng;
  },
): Float64Array | undefined {
  const handed = tookMs.map((_, q) => median(now.subarray(q * worlds, (q + 1) * worlds)));
  const isLess = handed.some(
    (ms, q) => (before[q] as number) - ms > LATENCY_ACCURACY * (tookMs[q] as number),
  );
  if (!isLess) return undefined;
  const order = shuffled(
    Array.from({ length: worlds }, (_, i) => i),
    rng.fork(`delay|${id}`),
  );
  const least = new Float64Array(3 * worlds);
  let [upTo, from] = [0, 0];
  for (const { took, weight } of delay.take(handed.map((ms, q) => ms + (usualOwnMs[q] as number)))) {
    upTo += weight;
    const to = Math.round(upTo * worlds);
    for (const world of order.slice(from, to)) {
      took.forEach((ms, q) => {
        least[q * worlds + world] = Math.min(ms, tookMs[q] as number);
      });
    }
    from = to;
  }
  return least;
}
