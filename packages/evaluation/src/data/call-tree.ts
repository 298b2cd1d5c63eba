import type { CallEdge, CallGraph } from '@sage/causal-graph';
import { latencyNodeId, median, OUTSIDE, type RpcKey, rpcId, type Window } from '@sage/core';

/** Who calls whom, where data tell of services and not of single calls. */
export interface ServiceCalls {
  readonly services: readonly string[];
  readonly calls: readonly { readonly from: string; readonly to: string }[];
}

const ANY_OPERATION = 'all';
const SEVERAL = '(callers)';

/**
 * A service's calls taken together: one RPC per service, whoever calls it. Its latency does not depend on the caller in
 * such data.
 */
export function serviceRpc(service: string, { calls }: ServiceCalls): RpcKey {
  const callers = calls.filter(({ to, from }) => to === service && from !== service);
  const caller = callers.length === 0 ? OUTSIDE : callers.length === 1 ? callers[0]?.from : SEVERAL;
  return { caller: caller ?? OUTSIDE, callee: service, operation: ANY_OPERATION };
}

export function serviceNode(service: string, calls: ServiceCalls): string {
  return latencyNodeId('server', rpcId(serviceRpc(service, calls)));
}

/**
 * The call graph of such data. How many calls a service makes of another is not measured: of its callee's calls it is
 * given the part that its own are of those of all callers. How much of them it waits for is not measured either: where
 * the callees together take longer than the caller, each counts by the part that fits into it. So an edge may weigh
 * anything between nothing and all of the callee's latency.
 */
export function callGraphOf(service: ServiceCalls, windows: readonly Window[]): CallGraph {
  const count = (name: string) => typical(windows, serviceNode(name, service), 'count');
  const duration = (name: string) => typical(windows, serviceNode(name, service), 'p50Ms');
  const shares = callShares(service, { count, servedMs: duration, calledMs: (_, to) => duration(to) });
  return {
    services: [...service.services].sort(),
    rpcs: service.services.map((name) => {
      const key = serviceRpc(name, service);
      return { id: rpcId(key), key, kinds: ['server' as const], count: count(name) };
    }),
    edges: shares.map(({ from, to, ...share }) => ({
      parent: rpcId(serviceRpc(from, service)),
      child: rpcId(serviceRpc(to, service)),
      ...share,
    })),
  };
}

/** What is typical of services and of the calls between them. */
export interface TypicalCalls {
  count(service: string): number;
  servedMs(service: string): number;
  calledMs(from: string, to: string): number;
}

export interface CallShare extends Omit<CallEdge, 'parent' | 'child'> {
  readonly from: string;
  readonly to: string;
}

/**
 * An edge of data that tell of services and not of calls. That a call is made in a part of the requests only is put in
 * its weight: which part of the callee's calls those are is not known, and so neither which of its quantiles they meet.
 */
export function aggregateShare(
  callsPerParent: number,
  criticality: number,
): Omit<CallEdge, 'parent' | 'child'> {
  return {
    callsPerParent: Math.max(1, callsPerParent),
    criticality: criticality * Math.min(1, callsPerParent),
    // A request makes no call, or of those that are made more than once up to twice the mean.
    criticalityRange: [0, callsPerParent > 1 ? 2 : 1],
    awaited: 1,
    beside: [],
  };
}

/** Calls of another per call served, and the part of each that is waited for, by the rules of `callGraphOf`. */
export function callShares({ calls }: ServiceCalls, typicalOf: TypicalCalls): CallShare[] {
  const others = calls.filter(({ from, to }) => from !== to);
  const edges = others.map(({ from, to }) => {
    const callers = others.filter((call) => call.to === to);
    const all = callers.reduce((sum, call) => sum + typicalOf.count(call.from), 0);
    return { from, to, callsPerParent: all > 0 ? typicalOf.count(to) / all : 0 };
  });
  const waited = new Map<string, number>();
  for (const { from, to, callsPerParent } of edges) {
    waited.set(from, (waited.get(from) ?? 0) + callsPerParent * typicalOf.calledMs(from, to));
  }
  return edges.map(({ from, to, callsPerParent }) => {
    const fitting = Math.min(1, typicalOf.servedMs(from) / Math.max(1e-9, waited.get(from) ?? 0));
    return { from, to, ...aggregateShare(callsPerParent, fitting) };
  });
}

/** Median over the windows that saw it; 0 where none did. */
function typical(windows: readonly Window[], node: string, column: 'count' | 'p50Ms'): number {
  const values = windows.flatMap((window) => window.latency.get(node)?.[column] ?? []);
  return values.length === 0 ? 0 : median(values);
}
