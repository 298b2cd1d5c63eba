import type {
  Action,
  ActionKind,
  ActionPlan,
  Culprit,
  Diagnosis,
  Instance,
  Resource,
  ScaleBounds,
  ScaleState,
  TargetState,
} from '@sage/core';
import { expect } from 'chai';
import { place, planActions, type Relief, type TurnedKnob } from '../src/index.js';

export const culpritOf = (resource: Resource, over: Partial<Culprit> = {}): Culprit => ({
  service: 'rate',
  resource,
  probability: 0.9,
  share: 1,
  effectMs: 50,
  evidence: [],
  ...over,
});

export const diagnosisOf = (culprit: Culprit, verdict: Diagnosis['verdict']): Diagnosis => ({
  objective: 'hotels',
  verdict,
  windowStartMs: 0,
  windowEndMs: 30_000,
  observedMs: 200,
  thresholdMs: 100,
  culprits: verdict === 'culprits' ? [culprit] : [],
  services: [],
  resources: [],
  victims: [],
  reason: '',
});

export const MB = 1e6;

/** Everything can be turned on it; its quota is spent by neighbours. */
const RATE: TargetState = {
  target: 'rate',
  cpuQuotaCores: { current: 0.5, max: 2 },
  cpuThrottledRatio: 0.4,
  cpuUsedCores: 0.2,
  cpuWeight: { current: 100, max: 10_000 },
  cpuSet: { current: [0, 1], allowed: [0, 1, 2, 3] },
  cpuFrequencyKhz: { currentMin: 1_000_000, max: 3_000_000 },
  memoryLimitBytes: { current: 100 * MB, max: 1000 * MB, used: 95 * MB },
  memoryBandwidth: { current: 20, max: 100, unit: 'percent' },
  diskWeight: { current: 100, max: 1000 },
  llcWays: { current: 3, max: 11 },
  coRunners: [
    { pid: 20, command: '/usr/bin/stress --cpu 2', cpuCores: 0.9, diskBytesPerSecond: 1e5 },
    { pid: 11, command: '/usr/bin/stress --cpu 2', cpuCores: 0.5 },
    { pid: 12, command: 'cron', cpuCores: 0.1 },
    { pid: 13, command: '/opt/copy.sh --all', cpuCores: 0.3, diskBytesPerSecond: 30e6, llcBytes: 4 * MB },
    { pid: 14, command: 'sync', cpuCores: 0, diskBytesPerSecond: 70e6, networkBytesPerSecond: 9e6 },
    { pid: 15, command: 'scan', cpuCores: 0, memoryBytesPerSecond: 2e9 },
  ],
  limitable: ['cpu', 'disk', 'llc', 'memory-bandwidth', 'network'],
  linkMbitPerSecond: { current: 10, max: 1000 },
  linkIngressMbitPerSecond: { current: 100, max: 100 },
  linkDelayMs: { current: 40, nominal: 2 },
  pools: [
    { pool: 'geo', size: 4, pending: 0, max: 64 },
    { pool: 'memcached', size: 2, pending: 9, max: 64 },
  ],
};

const SCALE: ScaleState = {
  service: 'rate',
  orchestrator: 'kubernetes',
  workload: 'Deployment shop/rate',
  replicas: 3,
  ready: 3,
  min: 1,
  max: 20,
};

export const target = 'rate';
export const limit = (pids: number[], of?: 'disk' | 'llc' | 'memory-bandwidth' | 'network'): Action => ({
  kind: 'limit-corunner',
  target,
  pids,
  ...(of === undefined ? {} : { of }),
});
export const quota = (cores: number): Action => ({ kind: 'cpu-quota', target, cores });
export const cpuWeight = (weight: number): Action => ({ kind: 'cpu-weight', target, weight });
export const cpuSet = (...cpus: number[]): Action => ({ kind: 'cpu-set', target, cpus });
export const frequency = (minKhz: number): Action => ({ kind: 'cpu-frequency', target, minKhz });
export const memory = (bytes: number): Action => ({ kind: 'memory-limit', target, bytes });
export const bandwidth = (value: number): Action => ({ kind: 'memory-bandwidth', target, value });
export const ways = (count: number): Action => ({ kind: 'llc-ways', target, ways: count });
export const diskWeight = (weight: number): Action => ({ kind: 'disk-weight', target, weight });
export const delay: Action = { kind: 'link-delay', target, delayMs: 2 };
export const rate = (mbitPerSecond: number): Action => ({ kind: 'link-rate', target, mbitPerSecond });
export const pool = (name: string, size: number): Action => ({ kind: 'pool-size', target, pool: name, size });
export const scale = (replicas: number): Action => ({ kind: 'scale', target, replicas });

export interface Case {
  readonly name: string;
  readonly resource: Resource;
  readonly state?: Partial<TargetState>;
  readonly culprit?: Partial<Culprit>;
  readonly verdict?: Diagnosis['verdict'];
  readonly enough?: number;
  readonly inForce?: readonly Action[];
  readonly resting?: readonly Action[];
  readonly allow?: readonly ActionKind[];
  readonly maxActions?: number;
  readonly instances?: readonly Instance[];
  readonly nodes?: readonly string[];
  readonly scale?: Partial<ScaleState>;
  readonly bounds?: ScaleBounds;
  readonly actions: readonly Action[];
  readonly recommends?: RegExp;
}

/** What is planned for a target on each node, of which everything can be turned unless the case says otherwise. */
export function plan(test: Case, relief?: Relief): ActionPlan {
  const culprit = culpritOf(test.resource, test.culprit);
  const nodes = test.nodes ?? ['a'];
  const everywhere = (actions: readonly Action[] = []): TurnedKnob[] =>
    ['kubernetes', ...nodes].flatMap((node) => actions.map((action) => ({ node, action })));
  // A case that names the target describes it in whole.
  const base = nodes[0] === 'bare' ? { target } : test.state?.target === undefined ? RATE : { target };
  const state: TargetState = { ...base, ...test.state };
  return planActions({
    diagnosis: diagnosisOf(culprit, test.verdict ?? 'culprits'),
    culprit,
    placement: place(
      nodes.map((node) => ({ node, targets: [state] })),
      test.instances,
    ),
    ...(test.scale === undefined ? {} : { scale: { ...SCALE, ...test.scale } }),
    relief: relief ?? { enough: test.enough ?? 1, expectedMs: 80, restoredMs: 40 },
    inForce: everywhere(test.inForce),
    resting: everywhere(test.resting),
    limits: {
      minProbability: 0.7,
      maxActions: test.maxActions ?? 3,
      scale: test.bounds ?? { min: 1, max: 100 },
      ...(test.allow === undefined ? {} : { allow: test.allow }),
    },
  });
}

/** A test for each case: the actions, and what is recommended where there is none. */
export function testEach(cases: readonly Case[]): void {
  for (const test of cases) {
    it(test.name, () => {
      const made = plan(test);
      expect(made.actions.map(({ action }) => action)).to.deep.equal(test.actions);
      expect(made.recommendations.length > 0).to.equal(test.recommends !== undefined);
      if (test.recommends !== undefined) expect(made.recommendations.join(' ')).to.match(test.recommends);
      expect(made).to.include({
        objective: 'hotels',
        service: test.culprit?.service ?? 'rate',
        resource: test.resource,
      });
    });
  }
}
