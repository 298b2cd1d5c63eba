import { callsPerSecond, type Window } from '@sage/core';
import { HandedOn } from './handed-on.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import { handedByGraph, observe, ownRaws, type Scales, scaled, softened } from './scales.js';

/** What the networks read of a window, scaled, and what was observed. */
export interface Inputs {
  /** [unit][feature]. */
  readonly features: Float32Array;
  /** [root]. */
  readonly load: Float32Array;
  /**
   * [unit][owned node][percentile]: the heads that would make the node's latency what it was, by the graph's weights, in
   * spreads; 0 where it was not seen. As large as it comes, or what was never seen before could not be told from what was.
   */
  readonly own: Float32Array;
  /** [node][percentile], ms; the training median where a node was not seen. */
  readonly observed: Float64Array;
  /** [node][percentile]: log1p of `observed`, which errors are taken of. */
  readonly target: Float32Array;
  /** [node]: 1 where it was seen. */
  readonly seen: Uint8Array;
  /** [node]: calls seen. */
  readonly counts: Float64Array;
}

/** Reads windows for a layout. */
export function inputReader(layout: Layout, scales: Scales): (window: Window) => Inputs {
  const index = indexOf(layout);
  const handedOn = new HandedOn(layout);
  return (window) => {
    const features = new Float32Array(index.features[layout.units.length] as number);
    const own = new Float32Array(index.own[layout.units.length] as number);
    const observed = observe(layout, scales.median, window);
    const seen = Uint8Array.from(layout.nodes, (node) => (window.latency.has(node) ? 1 : 0));
    const counts = Float64Array.from(layout.nodes, (node) => window.latency.get(node)?.count ?? 0);
    const handed = handedByGraph(layout, handedOn, observed);
    const raws = ownRaws(layout, scales, { observed, handed });
    layout.units.forEach((unit, u) => {
      const metrics = window.metrics.get(unit.service);
      unit.features.forEach((name, f) => {
        const at = (index.features[u] as number) + f;
        features[at] = scaled(scales.feature, at, metrics?.get(name));
      });
      unit.nodes.forEach((v, slot) => {
        if (seen[v] === 0) return;
        for (let q = 0; q < 3; q++) {
          const at = 3 * v + q;
          own[(index.own[u] as number) + 3 * slot + q] =
            (raws[at] as number) / (scales.rawSpread[at] as number);
        }
      });
    });
    const load = Float32Array.from(layout.roots, (root, r) =>
      scaledLoad(scales, r, callsPerSecond(window, root)),
    );
    const target = Float32Array.from(observed, (ms) => Math.log1p(Math.max(0, ms)));
    return { features, load, own, observed, target, seen, counts };
  };
}

export function scaledLoad(scales: Scales, root: number, perSecond: number): number {
  return scaled(scales.load, root, Math.log1p(Math.max(0, perSecond)));
}

/** Whether a load lies within what training saw, or as good as. */
export function isKnownLoad({ load }: Scales, root: number, perSecond: number): boolean {
  const soft = softened(load, root, Math.log1p(Math.max(0, perSecond)));
  return soft >= (load.low[root] as number) && soft <= (load.high[root] as number);
}
