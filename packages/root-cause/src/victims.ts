import type { LatencyNode } from '@sage/causal-graph';
import type { Victim, Window } from '@sage/core';
import type { GraphView } from './graph-view.js';
import type { NormalReference } from './normal-reference.js';

const SLOW_RATIO = 1.5;
const SLOW_MS = 5;

/**
 * Services on the path that look slow (p99 at least 1.5 × normal and 5 ms above) and are not to blame, slowest
 * operation each, the slowest service first. A store without server spans is seen through its callers.
 */
export function findVictims(
  view: GraphView,
  window: Window,
  options: { readonly reference: NormalReference; readonly culprits: readonly string[] },
): readonly Victim[] {
  const worst = new Map<string, Victim>();
  for (const id of view.ancestors) {
    const node = view.nodes.get(id);
    if (node === undefined || !showsCallee(node, view)) continue;
    const service = node.rpc.callee;
    const observedMs = window.latency.get(id)?.p99Ms;
    // What is normal is dear to tell, and this is fast whatever is.
    if (observedMs === undefined || observedMs < SLOW_MS || options.culprits.includes(service)) continue;
    const normalMs = options.reference.latency(id, 'p99Ms')?.center;
    if (normalMs === undefined) continue;
    if (observedMs < SLOW_RATIO * normalMs || observedMs < normalMs + SLOW_MS) continue;
    const known = worst.get(service);
    if (known === undefined || observedMs - normalMs > known.observedMs - known.normalMs) {
      worst.set(service, { service, operation: node.rpc.operation, observedMs, normalMs });
    }
  }
  return [...worst.values()].sort((a, b) => b.observedMs - b.normalMs - (a.observedMs - a.normalMs));
}

/** A server node, or the client node of a call whose callee has no spans of its own. */
function showsCallee(node: LatencyNode, view: GraphView): boolean {
  if (node.kind === 'server') return true;
  if (node.kind !== 'client') return false;
  return !node.parents.some(({ node: parent }) => view.nodes.get(parent)?.kind === 'server');
}
