import type { CausalGraph, LatencyNode } from '@sage/causal-graph';
import { callsPerSecond, type Window } from '@sage/core';
import type { ServiceSigns } from './anomaly.js';
import { LATENCY_FLOOR_MS } from './normal-reference.js';
import { readOnce } from './read-once.js';
import type { Seen } from './untraced.js';

/** Of a wait what is none beside it. */
const NO_WAIT = 0.1;

/** Connections that the calls of a service keep: rate · time that a callee takes (Little's law). */
interface Kept {
  /** By calls of mean length… */
  readonly mean: number;
  /** …and if all came together and were as long as one in a hundred. */
  readonly most: number;
}

/**
 * The signs, and of whom a pool has fewer connections than it had, be it smaller or have some of them leaked: slow callees
 * keep connections for longer, and who then waits for one is no cause. But where before the calls kept as many, in the mean
 * and in the tail, and hardly anybody waited, it is not the callees that the wait is owed to. Nothing can be said where the
 * connections may be kept by calls of somebody whom nobody traces.
 */
export function seeLackingPools(
  { view, signs }: Seen,
  {
    graph,
    window,
    history,
  }: {
    readonly graph: Calls;
    readonly window: Window;
    readonly history: readonly Window[];
  },
): ReadonlyMap<string, ServiceSigns> {
  const ofUntraced = new Set(
    [...view.hiddenWays].flatMap(([callee, ways]) =>
      view.owned.has(callee) ? [] : ways.map(({ node }) => node.rpc.callee),
    ),
  );
  const lacks = (own: ServiceSigns): boolean => {
    const wait = own.features.find(({ feature }) => feature === 'software_pool_wait_ms');
    if (wait === undefined || wait.observed - wait.expected < LATENCY_FLOOR_MS) return false;
    if (ofUntraced.has(own.service)) return false;
    const caller = callerOf(own.service, graph);
    const now = keptBy(caller.calls, window, wait.observed);
    const of = poolOf(caller);
    return (
      now.mean > 0 &&
      history.some((before) => {
        if (before.endMs > window.startMs) return false;
        const { waitedMs, mean, most } = of(before);
        return waitedMs <= NO_WAIT * wait.observed && mean >= now.mean && most >= now.most;
      })
    );
  };
  return new Map(
    [...signs].map(([service, own]) => [service, lacks(own) ? { ...own, lacksConnections: true } : own]),
  );
}

/** A service, and of each kind of call that it makes what tells best how long the callee takes. */
interface Caller {
  readonly service: string;
  readonly calls: readonly LatencyNode[];
}

type Calls = Pick<CausalGraph, 'latency'>;

const callers = new WeakMap<Calls, Map<string, Caller>>();

function callerOf(service: string, graph: Calls): Caller {
  const known = callers.get(graph) ?? new Map<string, Caller>();
  callers.set(graph, known);
  const caller = known.get(service) ?? { service, calls: callsOf(service, graph) };
  known.set(service, caller);
  return caller;
}

/** Its calls' wait for a connection in a window, NaN where that was not measured, and what they kept. */
const poolOf = readOnce(({ service, calls }: Caller, window): Kept & { readonly waitedMs: number } => {
  const waitedMs = window.metrics.get(service)?.get('software_pool_wait_ms') ?? Number.NaN;
  return { waitedMs, ...keptBy(calls, window, waitedMs) };
});

/** Of each kind of call the callee's own span, or else the caller's. */
function callsOf(service: string, { latency }: Calls): readonly LatencyNode[] {
  const calls = new Map<string, LatencyNode>();
  for (const node of latency) {
    const { caller, callee, operation } = node.rpc;
    if (caller !== service || (node.kind !== 'server' && node.kind !== 'client')) continue;
    const key = `${callee}\n${operation}`;
    if (node.kind === 'server' || !calls.has(key)) calls.set(key, node);
  }
  return [...calls.values()];
}

/** A caller's span holds its wait, too: of the mean that can be taken off, of the tail it is left. */
function keptBy(calls: readonly LatencyNode[], window: Window, waitMs: number): Kept {
  let [mean, most] = [0, 0];
  for (const { id, kind } of calls) {
    const stats = window.latency.get(id);
    if (stats === undefined) continue;
    const perMs = callsPerSecond(window, id) / 1000;
    mean += perMs * Math.max(0, (stats.meanMs ?? stats.p50Ms) - (kind === 'client' ? waitMs : 0));
    most += perMs * stats.p99Ms;
  }
  return { mean, most };
}
