import type { Abduction, LatencyNode, Residual } from '@sage/causal-graph';
import type { LatencyNodeId, Percentile, Window } from '@sage/core';
import type { GraphView } from './graph-view.js';
import { isSupported } from './judged-percentiles.js';
import type { NormalReference } from './normal-reference.js';

/** What is seen of calls by who waits for them, as far as data tell of calls and not of services. */
export interface Callers {
  /** Whether any are seen. */
  areTraced(node: LatencyNode): boolean;
  /**
   * Each call is seen twice: whether enough calls were as slow as a percentile says which too few of their own lie
   * beyond. So many were where a node that waits for them is slow by no more at the objective's percentile, which enough
   * of its runs lie beyond, and by no more than its calls account for.
   */
  wait(node: LatencyNode, residual: Residual): boolean;
}

/** Explains all but what is noise. */
const WHOLE = 0.9;

export function callersIn(
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
): Callers {
  const waiting = waitingIn(view);
  const waitingFor = ({ id }: LatencyNode): readonly LatencyNode[] => waiting.get(id) ?? [];
  return {
    areTraced: (node) => waitingFor(node).length > 0,
    wait: (node, { observedMs, expectedMs }) => {
      const slowMs = observedMs - expectedMs;
      if (slowMs <= 0) return false;
      return waitingFor(node).some(({ id }) => {
        const count = window.latency.get(id)?.count ?? 0;
        if (!isSupported(count, percentile)) return false;
        const residual = abduction.residual(id, percentile);
        if (residual === undefined) return false;
        const ownMs = residual.observedMs - residual.expectedMs;
        // Whatever its excess is: what is normal is dear to ask for.
        if (WHOLE * ownMs > (1 - WHOLE) * slowMs) return false;
        const normal = reference.latency(id, percentile);
        if (normal === undefined) return false;
        const excessMs = residual.observedMs - normal.center;
        return excessMs > 0 && slowMs >= WHOLE * excessMs && ownMs <= (1 - WHOLE) * excessMs;
      });
    },
  };
}

const inverses = new WeakMap<GraphView, ReadonlyMap<LatencyNodeId, readonly LatencyNode[]>>();

/** Each node that others wait for → those. */
export function waitingIn(view: GraphView): ReadonlyMap<LatencyNodeId, readonly LatencyNode[]> {
  const known = inverses.get(view) ?? invert(view);
  inverses.set(view, known);
  return known;
}

function invert({ nodes }: GraphView): ReadonlyMap<LatencyNodeId, readonly LatencyNode[]> {
  const waitingFor = new Map<LatencyNodeId, LatencyNode[]>();
  for (const node of nodes.values()) {
    for (const { node: parent, weightRange } of node.parents) {
      if (weightRange !== undefined) continue;
      const known = waitingFor.get(parent);
      if (known === undefined) waitingFor.set(parent, [node]);
      else known.push(node);
    }
  }
  return waitingFor;
}
