import type { Abduction, LatencyNode, Residual } from '@sage/causal-graph';
import type { LatencyNodeId, Percentile, Window } from '@sage/core';
import type { GraphView } from './graph-view.js';
import { isSupported } from './judged-percentiles.js';
import type { NormalReference } from './normal-reference.js';

/** Explains all but what is noise. */
const WHOLE = 0.9;

/**
 * Each call is seen twice: whether enough calls of a leaf were as slow as a percentile says which too few of its own lie
 * beyond. So many were where a node that waits for it is slow by no more at the objective's percentile, which enough of
 * its runs lie beyond, and by no more than its calls account for.
 */
export function waitedFor(
  view: GraphView,
  window: Window,
  {
    reference,
    abduction,
    percentile,
  }: {
    readonly reference: NormalReference;
    readonly abduction: Abduction;
    readonly percentile: Percentile;
  },
) {
  // Asked of few windows only.
  let waitingFor: ReadonlyMap<LatencyNodeId, readonly LatencyNode[]> | undefined;
  return ({ id }: LatencyNode, { observedMs, expectedMs }: Residual): boolean => {
    waitingFor ??= invert(view);
    return (waitingFor.get(id) ?? []).some((waiting) => {
      const stats = window.latency.get(waiting.id);
      if (stats === undefined || !isSupported(stats.count, percentile)) return false;
      const normal = reference.latency(waiting.id, percentile);
      const residual = abduction.residual(waiting.id, percentile);
      if (normal === undefined || residual === undefined) return false;
      const excessMs = residual.observedMs - normal.center;
      const ownMs = residual.observedMs - residual.expectedMs;
      return excessMs > 0 && observedMs - expectedMs >= WHOLE * excessMs && ownMs <= (1 - WHOLE) * excessMs;
    });
  };
}

/** Each node that others wait for → those. */
function invert({ nodes }: GraphView): ReadonlyMap<LatencyNodeId, readonly LatencyNode[]> {
  const waitingFor = new Map<LatencyNodeId, LatencyNode[]>();
  for (const node of nodes.values()) {
    for (const { node: parent } of node.parents) {
      const known = waitingFor.get(parent);
      if (known === undefined) waitingFor.set(parent, [node]);
      else known.push(node);
    }
  }
  return waitingFor;
}
