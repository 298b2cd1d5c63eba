import type { LatencyNode, LatencyParent } from '@sage/causal-graph';
import type { LatencyNodeId, Window } from '@sage/core';
import { waitingIn } from './callers.js';
import type { GraphView } from './graph-view.js';
import type { NormalReference } from './normal-reference.js';

/** Calls without client spans that a service makes or gets, and how their ways fare. */
export interface HiddenCalls {
  /** Seen in the window. */
  readonly calls: number;
  /** How much longer than usual they took in the mean, there and back, at most: nothing else made their callers slow. */
  readonly excessMs: number;
}

/**
 * What means tell and quantiles do not. Whatever happens to a few calls only, and takes long beside all else, adds to the
 * mean of each call that waits for them by as much, be there others beside them or not: so what is left of a mean, less
 * those of the calls it holds, is its own, however rare. Of two tails that are equally long no quantile tells that.
 */
export interface MeanExcesses {
  /** How much longer than usual the calls of a node took in the mean, ms; undefined where it is not told. */
  of(node: LatencyNodeId): number | undefined;
  /** By each who calls a service without client spans, and by itself of those that it makes; only what is told. */
  hiddenCalls(service: string): ReadonlyMap<string, HiddenCalls>;
}

/** Of data without means. */
export const NO_MEANS: MeanExcesses = { of: () => undefined, hiddenCalls: () => new Map() };

export function meanExcesses(
  view: GraphView,
  { window, reference }: { readonly window: Window; readonly reference: Pick<NormalReference, 'latency'> },
): MeanExcesses {
  const waiting = waitingIn(view);
  const countOf = (id: LatencyNodeId): number => window.latency.get(id)?.count ?? 0;
  const excessOf = (id: LatencyNodeId): number | undefined => {
    const observedMs = window.latency.get(id)?.meanMs;
    const normal = observedMs === undefined ? undefined : reference.latency(id, 'meanMs');
    return observedMs === undefined || normal === undefined ? undefined : observedMs - normal.center;
  };
  /** Of all calls of a kind those made by a node's: of one that several nodes wait for, as each usually makes. */
  const callsIn = (node: LatencyNode, { node: call, callsPerChild }: LatencyParent): number => {
    const usual = (waiting.get(call) ?? []).reduce(
      (sum, { id, parents }) =>
        sum + countOf(id) * (parents.find((parent) => parent.node === call)?.callsPerChild ?? 0),
      0,
    );
    return usual === 0 ? 0 : (countOf(call) * countOf(node.id) * callsPerChild) / usual;
  };
  /** Milliseconds by which all calls of a node together took longer than usual themselves. */
  const ownMs = (node: LatencyNode): number | undefined =>
    node.parents.reduce<number | undefined>(
      (left, parent) => {
        const calls = callsIn(node, parent);
        const excessMs = calls === 0 ? 0 : excessOf(parent.node);
        return left === undefined || excessMs === undefined ? undefined : left - calls * excessMs;
      },
      scaled(excessOf(node.id), countOf(node.id)),
    );

  const readHiddenCalls = (service: string): ReadonlyMap<string, HiddenCalls> => {
    const totals = new Map<string, { calls: number; ms: number }>();
    const add = (peer: string, node: LatencyNode, isMeant: (callee: string) => boolean) => {
      const calls = node.parents.reduce((sum, parent) => {
        const called = view.nodes.get(parent.node);
        return called?.kind === 'server' && isMeant(called.rpc.callee) ? sum + callsIn(node, parent) : sum;
      }, 0);
      const ms = calls === 0 ? undefined : ownMs(node);
      if (ms === undefined) return;
      const before = totals.get(peer) ?? { calls: 0, ms: 0 };
      totals.set(peer, { calls: before.calls + calls, ms: before.ms + ms });
    };
    for (const node of new Set((view.hiddenWays.get(service) ?? []).map((way) => way.node))) {
      if (node.rpc.callee !== service) add(node.rpc.callee, node, (callee) => callee === service);
    }
    for (const node of view.owned.get(service) ?? []) {
      if (node.kind === 'server' && node.rpc.callee === service) add(service, node, (c) => c !== service);
    }
    return new Map([...totals].map(([peer, { calls, ms }]) => [peer, { calls, excessMs: ms / calls }]));
  };
  const known = new Map<string, ReadonlyMap<string, HiddenCalls>>();
  const hiddenCalls = (service: string): ReadonlyMap<string, HiddenCalls> => {
    const calls = known.get(service) ?? readHiddenCalls(service);
    known.set(service, calls);
    return calls;
  };
  return { of: excessOf, hiddenCalls };
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : by * value;
}
