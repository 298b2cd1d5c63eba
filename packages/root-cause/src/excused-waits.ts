import type { Abduction, Intervention, LatencyNode } from '@sage/causal-graph';
import {
  callsPerSecond,
  FEATURES,
  type FeatureName,
  type LatencyNodeId,
  median,
  type Percentile,
  type Window,
} from '@sage/core';
import { type FeatureAnomaly, NOTED_Z, type ServiceSigns, strength } from './anomaly.js';
import { calleeParts, calleeSlowness } from './attribution.js';
import { sufferedWaits } from './directness.js';
import type { GraphView } from './graph-view.js';
import { holdsWays } from './hidden-ways.js';
import type { NormalReference } from './normal-reference.js';
import { waitsForConnection } from './pool-wait.js';
import { type Responsibility, splitBlame } from './responsibility.js';

/**
 * Waits of a service for connections that slow callees keep. They are no cause, and so are not the service's to be blamed
 * for; nor would they stay had the callees behaved.
 */
export interface ExcusedWait {
  readonly service: string;
  readonly waits: readonly FeatureAnomaly[];
  /** How much of them is excused, 0..1. */
  readonly part: number;
  readonly calls: readonly SlowCall[];
  /** Where the waits show: on the way of those calls, or in the service's own time where that has no spans. */
  readonly nodes: readonly LatencyNode[];
  /** How much of what is unexplained there is the waits', 0..1: others are what else the service suffers. */
  readonly unexplainedPart: number;
}

/** A kind of call that keeps connections for longer than usual. */
interface SlowCall {
  /** The call's, or where nobody sees the call that of the caller's own time. */
  readonly node: LatencyNode;
  readonly normalMs: number;
  readonly excessMs: number;
  /** Of what is unexplained in the caller's own time, where nobody sees the call. */
  readonly lent?: number;
  /** Calls per second, those that are slow by the callee's doing. */
  readonly perSecond: number;
}

/** What waits are read off. */
export interface WaitFacts {
  readonly view: GraphView;
  readonly signs: ReadonlyMap<string, ServiceSigns>;
  readonly window: Window;
  readonly reference: NormalReference;
  readonly abduction: Abduction;
  readonly percentile: Percentile;
  readonly responsibility: Responsibility;
}

/** Those of a window, causes first: who waits for somebody that waits comes after him. */
export function excusedWaits(facts: WaitFacts): readonly ExcusedWait[] {
  const order = new Map([...facts.view.nodes.keys()].map((id, index) => [id, index]));
  const last = ({ calls }: ExcusedWait) => Math.max(...calls.map(({ node }) => order.get(node.id) ?? 0));
  return [...facts.signs.values()]
    .flatMap((own) => excusedWaitOf(own, facts) ?? [])
    .sort((a, b) => last(a) - last(b));
}

function excusedWaitOf(own: ServiceSigns, facts: WaitFacts): ExcusedWait | undefined {
  const { service } = own;
  const waits = own.features.filter(({ feature }) => isWait(feature));
  if (!waits.some(({ z }) => z >= NOTED_Z)) return undefined;
  const { pools, others } = sufferedWaits(own);
  if (pools <= 0) return undefined;
  const excused = Math.min(pools, calleeSlowness(service, facts.signs, facts.responsibility));
  const calls = excused > 0 ? slowCallsOf(service, facts) : [];
  if (calls.length === 0) return undefined;
  const unexplainedPart =
    splitBlame([
      { owner: 'callees', strength: excused },
      { owner: service, strength: Math.max(pools - excused, others) },
    ]).get('callees') ?? 0;
  return {
    service,
    waits,
    part: excused / pools,
    calls,
    nodes: waitingNodes(own, calls),
    unexplainedPart,
  };
}

function isWait(feature: FeatureName): boolean {
  return FEATURES[feature].resource === 'software' && FEATURES[feature].role === 'contention';
}

function waitingNodes(own: ServiceSigns, calls: readonly SlowCall[]): readonly LatencyNode[] {
  const slow = new Set<LatencyNodeId>(calls.map(({ node }) => node.id));
  const callees = new Set(calls.map(({ node }) => node.rpc.callee));
  const ways = own.shared.filter(
    ({ node }) => waitsForConnection(own.service, node) && callees.has(node.rpc.callee),
  );
  const bare = own.exclusive.filter(
    ({ node }) =>
      slow.has(node.id) || (holdsWays(node) && node.parents.some((parent) => slow.has(parent.node))),
  );
  return [...ways, ...bare].map(({ node }) => node);
}

function slowCallsOf(
  service: string,
  { signs, window, reference, abduction, percentile, responsibility }: WaitFacts,
): readonly SlowCall[] {
  return calleeParts(service, signs, responsibility).flatMap(
    ({ entry: { node, slowness }, part, isSeen }) => {
      const normalMs = reference.latency(node.id, percentile)?.center;
      const observedMs = abduction.residual(node.id, percentile)?.observedMs;
      if (normalMs === undefined || observedMs === undefined || strength(slowness) <= 0) return [];
      const excessMs = observedMs - normalMs;
      const perSecond = part * callsPerSecond(window, node.id);
      if (excessMs <= 0 || perSecond <= 0) return [];
      return [{ node, normalMs, excessMs, perSecond, ...(isSeen ? {} : { lent: part }) }];
    },
  );
}

/** Latencies of a node at the objective's percentile, ms, in worlds after an intervention. */
export type NodeDraws = (intervention: Intervention, node: LatencyNodeId) => Float64Array;

/**
 * An intervention, and what of the waits goes with it: of the excused part as much as of the connections that slow calls
 * keep beyond the usual number, Σ rate · excess by Little's law. So does what is unexplained where the waits show.
 */
export function withExcusedWaits(
  intervention: Intervention,
  waits: readonly ExcusedWait[],
  draws: NodeDraws,
): Intervention {
  let done = intervention;
  for (const wait of waits) {
    const kept = new Map<string, Kept>();
    for (const call of wait.calls) {
      const { callee } = call.node.rpc;
      const all = call.perSecond * call.excessMs;
      const left = call.perSecond * leftMs(call, done, draws);
      kept.set(callee, sum([kept.get(callee) ?? NONE, { all, left }]));
    }
    done = lessWait(done, wait, kept);
  }
  return done;
}

/** Connections to a callee that are kept beyond the usual number, and those that still are after an intervention. */
interface Kept {
  readonly all: number;
  readonly left: number;
}

const NONE: Kept = { all: 0, left: 0 };

function sum(parts: Iterable<Kept>): Kept {
  return [...parts].reduce((a, b) => ({ all: a.all + b.all, left: a.left + b.left }), NONE);
}

function goneOf({ all, left }: Kept): number {
  return all > 0 ? Math.max(0, 1 - left / all) : 0;
}

/** Of the excess of a call, in the world after an intervention. */
function leftMs({ node, normalMs, excessMs, lent }: SlowCall, done: Intervention, draws: NodeDraws): number {
  if (lent === undefined) return Math.max(0, median(draws(done, node.id)) - normalMs);
  const gone = 1 - (done.exogenous.get(node.id) ?? 1);
  return excessMs * Math.max(0, 1 - gone / lent);
}

/** A pool leads to one callee: on the way there only what its own calls keep matters, elsewhere what all do. */
function lessWait(
  done: Intervention,
  { service, waits, part, nodes, unexplainedPart }: ExcusedWait,
  kept: ReadonlyMap<string, Kept>,
): Intervention {
  const total = sum(kept.values());
  const gone = goneOf(total);
  if (gone <= 0) return done;
  const { metrics, exogenous, load } = done;
  const set = metrics.get(service);
  const values = waits.map(({ feature, observed, expected }): [FeatureName, number] => [
    feature,
    Math.min(set?.get(feature) ?? observed, observed + gone * part * (expected - observed)),
  ]);
  const keeps = nodes.map(({ id, rpc }): [LatencyNodeId, number] => {
    const goneThere = rpc.caller === service ? goneOf(kept.get(rpc.callee) ?? total) : gone;
    return [id, Math.min(exogenous.get(id) ?? 1, 1 - goneThere * unexplainedPart)];
  });
  return {
    metrics: new Map([...metrics, [service, new Map([...(set ?? []), ...values])]]),
    exogenous: new Map([...exogenous, ...keeps]),
    load,
  };
}
