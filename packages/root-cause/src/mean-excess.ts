import type { LatencyNode, LatencyParent, MeanDelay } from '@sage/causal-graph';
import { type RobustScale, upperScaleInPlace, type Window } from '@sage/core';
import { waitingIn } from './callers.js';
import type { GraphView } from './graph-view.js';
import { LATENCY_FLOOR_MS, type NormalReference } from './normal-reference.js';
import { NOISE_Z } from './standing.js';

/** Calls without client spans that a service makes or gets, and how their ways fare. */
export interface HiddenCalls {
  /** Seen in the window. */
  readonly calls: number;
  /** How much longer than usual they took in the mean, there and back, at most: nothing else made their callers slow… */
  readonly excessMs: number;
  /** …of which so much is as ordinary as a standard deviation. */
  readonly spreadMs: number;
}

/**
 * What means tell and quantiles do not. Whatever happens to a few calls only, and takes long beside all else, adds to the
 * mean of each call that waits for them by as much, be there others beside them or not: so what is left of a mean, less
 * those of the calls it holds, is its own, however rare. Of two tails that are equally long no quantile tells that.
 */
export interface MeanExcesses {
  /** How much longer than usual the calls of a node took themselves in the mean, ms; undefined where it is not told. */
  of(node: LatencyNode): number | undefined;
  /** The same where it is more than noise, with all else that they took, and how far it is from normal. */
  delayOf(node: LatencyNode): (MeanDelay & { readonly z: number }) | undefined;
  /** By each who calls a service without client spans, and by itself of those that it makes; only what is told. */
  hiddenCalls(service: string): ReadonlyMap<string, HiddenCalls>;
}

/** Of data without means. */
export const NO_MEANS: MeanExcesses = {
  of: () => undefined,
  delayOf: () => undefined,
  hiddenCalls: () => new Map(),
};

/** What a node took itself in the mean, beside what is normal. */
interface OwnMean {
  readonly ms: number;
  readonly normal: RobustScale;
}

/** Computed when first asked for: every claim on a lossy node asks of all the other links of its claimant. */
export function meanExcesses(
  view: GraphView,
  { window, reference }: { readonly window: Window; readonly reference: Pick<NormalReference, 'windows'> },
): MeanExcesses {
  const waiting = waitingIn(view);
  const readOwn = (node: LatencyNode): OwnMean | undefined => {
    const ms = ownMeanMs(node, window, waiting);
    if (ms === undefined) return undefined;
    const usual = new Float64Array(reference.windows.length);
    let seen = 0;
    for (const other of reference.windows) {
      const usualMs = ownMeanMs(node, other, waiting);
      if (usualMs !== undefined) usual[seen++] = usualMs;
    }
    if (seen === 0) return undefined;
    return { ms, normal: upperScaleInPlace(usual.subarray(0, seen), LATENCY_FLOOR_MS) };
  };
  const owns = new Map<LatencyNode, OwnMean | undefined>();
  const ownOf = (node: LatencyNode): OwnMean | undefined => {
    if (!owns.has(node)) owns.set(node, readOwn(node));
    return owns.get(node);
  };
  const readHiddenCalls = (service: string): ReadonlyMap<string, HiddenCalls> => {
    const totals = new Map<string, HiddenCalls>();
    const add = (peer: string, node: LatencyNode, isMeant: (callee: string) => boolean) => {
      const called = node.parents.filter((parent) => {
        const child = view.nodes.get(parent.node);
        return child?.kind === 'server' && isMeant(child.rpc.callee);
      });
      const calls = called.reduce((sum, parent) => sum + callsIn(node, parent, window, waiting), 0);
      const own = calls === 0 ? undefined : ownOf(node);
      if (own === undefined) return;
      const before = totals.get(peer) ?? { calls: 0, excessMs: 0, spreadMs: 0 };
      const all = before.calls + calls;
      const count = window.latency.get(node.id)?.count ?? 0;
      const joined = (known: number, perRun: number) => (before.calls * known + count * perRun) / all;
      totals.set(peer, {
        calls: all,
        excessMs: joined(before.excessMs, own.ms - own.normal.center),
        spreadMs: joined(before.spreadMs, own.normal.spread),
      });
    };
    for (const node of new Set((view.hiddenWays.get(service) ?? []).map((way) => way.node))) {
      if (node.rpc.callee !== service) add(node.rpc.callee, node, (callee) => callee === service);
    }
    for (const node of view.owned.get(service) ?? []) {
      if (node.kind === 'server' && node.rpc.callee === service) add(service, node, (c) => c !== service);
    }
    return totals;
  };
  const hidden = new Map<string, ReadonlyMap<string, HiddenCalls>>();
  return {
    of: (node) => {
      const own = ownOf(node);
      return own && own.ms - own.normal.center;
    },
    delayOf: (node) => {
      const own = ownOf(node);
      const meanMs = window.latency.get(node.id)?.meanMs;
      if (own === undefined || meanMs === undefined) return undefined;
      const delayMs = own.ms - own.normal.center;
      const z = delayMs / own.normal.spread;
      return z > NOISE_Z ? { delayMs, restMs: meanMs - delayMs, z } : undefined;
    },
    hiddenCalls: (service) => {
      const calls = hidden.get(service) ?? readHiddenCalls(service);
      hidden.set(service, calls);
      return calls;
    },
  };
}

type Waiting = ReturnType<typeof waitingIn>;

/** The mean of what a node took in a window, less the means of all calls that it waited for. */
function ownMeanMs(node: LatencyNode, window: Window, waiting: Waiting): number | undefined {
  const stats = window.latency.get(node.id);
  if (stats?.meanMs === undefined) return undefined;
  let totalMs = stats.count * stats.meanMs;
  for (const parent of node.parents) {
    const calls = callsIn(node, parent, window, waiting);
    if (calls === 0) continue;
    const meanMs = window.latency.get(parent.node)?.meanMs;
    if (meanMs === undefined) return undefined;
    totalMs -= calls * meanMs;
  }
  return totalMs / stats.count;
}

/** Of all calls of a kind those that a node waited for: of one that several wait for, as many as each usually makes. */
function callsIn(
  node: LatencyNode,
  { node: call, callsPerChild }: LatencyParent,
  window: Window,
  waiting: Waiting,
): number {
  const countOf = (id: string): number => window.latency.get(id)?.count ?? 0;
  const usual = (waiting.get(call) ?? []).reduce(
    (sum, { id, parents }) =>
      sum + countOf(id) * (parents.find((parent) => parent.node === call)?.callsPerChild ?? 0),
    0,
  );
  return usual === 0 ? 0 : (countOf(call) * countOf(node.id) * callsPerChild) / usual;
}
