import { buildCausalGraph } from '@sage/causal-graph';
import {
  createRng,
  type FeatureName,
  latencyNodeId,
  OUTSIDE,
  objectiveNode,
  type Resource,
  rpcId,
  type Window,
} from '@sage/core';
import type { Evidence, LabelledCase, LabelledWindow, Observed, Truth } from '../src/index.js';

export const TIERS = ['front', 'middle', 'back'] as const;
export type Tier = (typeof TIERS)[number];

const KEYS = TIERS.map((callee, i) => ({ caller: TIERS[i - 1] ?? OUTSIDE, callee, operation: 'get' }));
const IDS = KEYS.map(rpcId);

/** front calls middle, middle calls back. */
export const GRAPH = buildCausalGraph({
  services: [...TIERS].sort(),
  rpcs: KEYS.map((key, i) => ({
    id: rpcId(key),
    key,
    kinds: i === 0 ? ['server'] : ['client', 'server'],
    count: 1000,
  })),
  edges: [1, 2].map((i) => ({
    parent: IDS[i - 1] as string,
    child: IDS[i] as string,
    callsPerParent: 1,
    criticality: 1,
    awaited: 1,
    beside: [],
  })),
});

const OBJECTIVE = {
  name: 'get',
  service: 'front',
  operation: 'get',
  percentile: 'p99Ms',
  thresholdMs: 40,
} as const;

/** What one service takes itself, beside its callees, and its metrics. */
export type Reading = Partial<Record<FeatureName, number>> & { readonly ownMs: number };

/** A window of a second, whose latencies add up along the calls. */
export function windowOf(second: number, readings: Readonly<Record<Tier, Reading>>): Window {
  const latency = new Map(
    KEYS.map((_, i) => {
      const ms = TIERS.slice(i).reduce((sum, tier) => sum + readings[tier].ownMs, 0);
      const node = i === 0 ? objectiveNode(OBJECTIVE) : latencyNodeId('server', IDS[i] as string);
      return [node, { p50Ms: ms / 3, p95Ms: ms / 2, p99Ms: ms, count: 1000 }] as const;
    }),
  );
  const metrics = new Map(
    TIERS.map((tier) => {
      const { ownMs: _, ...features } = readings[tier];
      return [tier, new Map(Object.entries(features) as [FeatureName, number][])] as const;
    }),
  );
  return { startMs: 1000 * second, endMs: 1000 * second + 1000, latency, metrics };
}

/** Each tier takes about 5 ms, the more the longer it waits for a processor; its memory has nothing to do with it. */
export function calmReadings(rng = createRng(1)): Record<Tier, Reading> {
  const reading = (): Reading => {
    const wait = 0.2 + 0.05 * rng.normal();
    return {
      ownMs: 5 + 20 * (wait - 0.2) + 0.1 * rng.normal(),
      cpu_runqueue_wait_ratio: wait,
      memory_pressure_ratio: 0.1 + 0.02 * rng.normal(),
    };
  };
  return { front: reading(), middle: reading(), back: reading() };
}

/** 200 calm windows, then one with these changes. */
export function evidenceOf(change: Partial<Record<Tier, Partial<Reading>>>, seed = 1): Evidence {
  const rng = createRng(seed);
  const history = Array.from({ length: 200 }, (_, second) => windowOf(second, calmReadings(rng)));
  const readings = calmReadings(rng);
  for (const tier of TIERS) readings[tier] = { ...readings[tier], ...change[tier] };
  return { graph: GRAPH, history, window: windowOf(200, readings), objective: OBJECTIVE, rng };
}

/** For methods that need no model. */
export function asked(evidence: Evidence): Observed {
  return evidence as Observed;
}

export function labelled(observed: Evidence, truth: readonly Truth[]): LabelledCase {
  return { id: 'x', kind: 'k', observed, truth: () => truth };
}

export function labelledWindow(
  window: Window,
  culprit?: { readonly service: Tier; readonly resource: Resource },
  seconds: readonly Float32Array[] = [],
): LabelledWindow {
  return {
    window,
    queueDepths: { services: TIERS, seconds },
    truth: culprit === undefined ? [] : [culprit],
  };
}
