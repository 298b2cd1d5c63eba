import { objectiveNode, type Percentile, type Window } from '@sage/core';
import { FittedModel } from '@sage/gvae';
import { isSupported } from '@sage/root-cause';
import type { Case } from '../observed.js';

/** How closely a model gives back windows that it did not learn from. */
export interface Reconstruction {
  /**
   * R² of log1p(ms) over all latency nodes of all windows asked about, calm and broken: 1 − Σ error² / Σ (observed − mean
   * of the node)². null where the suite has no window that supports it.
   */
  readonly r2: number | null;
  /** The latency of each case's objective. */
  readonly points: readonly Point[];
}

export interface Point {
  readonly kind: string;
  readonly observedMs: number;
  readonly reconstructedMs: number;
}

/** One percentile for all nodes; those with too few calls for it are left out, since it is luck there. */
const PERCENTILE: Percentile = 'p95Ms';

/** Encodes the windows of all cases and decodes them along the call graph. */
export function reconstruct(cases: readonly Case[]): Reconstruction {
  const pairs = new Map<string, (readonly [observed: number, reconstructed: number])[]>();
  const points: Point[] = [];
  const seen = new Set<Window>();
  for (const { kind, observed } of cases) {
    const { model, window, objective } = observed;
    if (!(model instanceof FittedModel) || seen.has(window)) continue;
    seen.add(window);
    const decoded = model.reconstruct(window);
    for (const [node, stats] of window.latency) {
      const reconstructedMs = decoded.get(node)?.[PERCENTILE];
      if (reconstructedMs === undefined || !isSupported(stats.count, PERCENTILE)) continue;
      const known = pairs.get(node) ?? [];
      pairs.set(node, known);
      known.push([Math.log1p(stats[PERCENTILE]), Math.log1p(reconstructedMs)]);
    }
    const root = objectiveNode(objective);
    const observedMs = window.latency.get(root)?.[objective.percentile];
    const reconstructedMs = decoded.get(root)?.[objective.percentile];
    if (observedMs === undefined || reconstructedMs === undefined) continue;
    points.push({ kind, observedMs, reconstructedMs });
  }
  return { r2: r2Of([...pairs.values()]), points };
}

/** Pooled over groups of [observed, reconstructed]; each group's own mean is what has to be beaten. */
export function r2Of(groups: readonly (readonly (readonly [number, number])[])[]): number | null {
  let left = 0;
  let varied = 0;
  for (const group of groups) {
    const mean = group.reduce((sum, [observed]) => sum + observed, 0) / group.length;
    for (const [observed, reconstructed] of group) {
      left += (observed - reconstructed) ** 2;
      varied += (observed - mean) ** 2;
    }
  }
  return varied > 0 ? 1 - left / varied : null;
}
