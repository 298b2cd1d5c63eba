import type { LatencyNode } from '@sage/causal-graph';
import { type LatencyKind, type LatencyNodeId, latencyNodeId, rpcId } from '@sage/core';
import { type NodeAnomaly, type ServiceSigns, strength } from './anomaly.js';
import type { GraphView } from './graph-view.js';

/** The way there, the callee and the way back. */
const LEGS: readonly LatencyKind[] = ['request', 'server', 'response'];

type Split = ReadonlyMap<string, number>;

/**
 * A call that is seen at both ends takes just what its three legs take, and nothing of its own: what they leave
 * unexplained of its quantiles is no doing of the caller. Quantiles of a sum are not the sums of quantiles: packets are
 * lost twice on each way too seldom to show in its p99, and on one or the other often enough to show in the call's. So it
 * is the legs' owners', by how odd each leg is. Call → service → part; calls none of whose legs is odd are left out.
 */
export function splitWholeCalls(
  signs: ReadonlyMap<string, ServiceSigns>,
  splitOf: (leg: LatencyNodeId) => Split | undefined,
): ReadonlyMap<LatencyNodeId, Split> {
  const all = [...signs.values()];
  const odd = all.flatMap(({ exclusive }) =>
    exclusive.filter(({ node, z }) => strength(z) > 0 && isWhole(node)),
  );
  const splits = new Map<LatencyNodeId, Split>();
  if (odd.length === 0) return splits;
  const entries = new Map<LatencyNodeId, NodeAnomaly>();
  for (const { exclusive, shared } of all) {
    for (const entry of [...exclusive, ...shared]) entries.set(entry.node.id, entry);
  }
  for (const { node } of odd) {
    const split = new Map<string, number>();
    const legs = LEGS.map((kind) => latencyNodeId(kind, rpcId(node.rpc)))
      .map((id) => ({ id, oddity: strength(entries.get(id)?.z ?? 0) }))
      .filter(({ oddity }) => oddity > 0);
    const total = legs.reduce((sum, { oddity }) => sum + oddity, 0);
    for (const { id, oddity } of legs) {
      for (const [owner, part] of splitOf(id) ?? []) {
        split.set(owner, (split.get(owner) ?? 0) + (part * oddity) / total);
      }
    }
    if (split.size > 0) splits.set(node.id, split);
  }
  return splits;
}

type Ways = Pick<GraphView, 'owned' | 'nodes'>;

const known = new WeakMap<Ways, Map<string, readonly LatencyNode[]>>();

/** Calls of a service that are seen at both ends: what is unexplained of them may be its own, though they are not. */
export function wholeCallsOf(service: string, view: Ways): readonly LatencyNode[] {
  const ofView = known.get(view) ?? new Map<string, readonly LatencyNode[]>();
  known.set(view, ofView);
  const calls = ofView.get(service) ?? findWholeCalls(service, view);
  ofView.set(service, calls);
  return calls;
}

function findWholeCalls(service: string, { owned, nodes }: Ways): readonly LatencyNode[] {
  return (owned.get(service) ?? []).flatMap(({ kind, rpc }) => {
    const call =
      kind === 'request' && rpc.callee === service
        ? nodes.get(latencyNodeId('client', rpcId(rpc)))
        : undefined;
    return call !== undefined && isWhole(call) ? [call] : [];
  });
}

function isWhole({ kind, rpc, parents }: LatencyNode): boolean {
  return (
    kind === 'client' &&
    LEGS.every((leg) => parents.some(({ node }) => node === latencyNodeId(leg, rpcId(rpc))))
  );
}
