import type { CausalGraph } from '@sage/causal-graph';
import { type LatencyNodeId, OUTSIDE } from '@sage/core';

/** The latencies of what a service serves: as it sees them, or its callers where it has no spans of its own. */
export function nodesServedBy({ latency }: CausalGraph, service: string): readonly LatencyNodeId[] {
  const served = latency.filter(({ rpc }) => rpc.callee === service);
  const own = served.filter(({ kind }) => kind === 'server');
  return (own.length > 0 ? own : served.filter(({ kind }) => kind === 'client')).map(({ id }) => id);
}

/** service → whom it calls, without itself. */
export function calleesOf({ latency }: CausalGraph): ReadonlyMap<string, readonly string[]> {
  const callees = new Map<string, Set<string>>();
  for (const { rpc } of latency) {
    if (rpc.caller === OUTSIDE || rpc.caller === rpc.callee) continue;
    callees.set(rpc.caller, (callees.get(rpc.caller) ?? new Set()).add(rpc.callee));
  }
  return new Map([...callees].map(([caller, called]) => [caller, [...called].sort()]));
}
