import { type CausalGraph, serviceEdges } from '@sage/causal-graph';
import type { LatencyNodeId } from '@sage/core';

/** The latencies of what a service serves: as it sees them, or its callers where it has no spans of its own. */
export function nodesServedBy({ latency }: CausalGraph, service: string): readonly LatencyNodeId[] {
  const served = latency.filter(({ rpc }) => rpc.callee === service);
  const own = served.filter(({ kind }) => kind === 'server');
  return (own.length > 0 ? own : served.filter(({ kind }) => kind === 'client')).map(({ id }) => id);
}

/** service → whom it calls, without itself. */
export function calleesOf(graph: CausalGraph): ReadonlyMap<string, readonly string[]> {
  const callees = new Map<string, string[]>();
  for (const { from, to } of serviceEdges(graph)) callees.set(from, [...(callees.get(from) ?? []), to]);
  return callees;
}
