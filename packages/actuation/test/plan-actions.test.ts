import type { Action, ActionKind, Culprit, Diagnosis, Evidence, Resource, TargetState } from '@sage/core';
import { expect } from 'chai';
import { planActions } from '../src/index.js';

const evidence = (name: string): Evidence => ({ name, unit: '1', observed: 1, expected: 0, z: 30 });

const culpritOf = (resource: Resource, over: Partial<Culprit> = {}): Culprit => ({
  service: 'rate',
  resource,
  probability: 0.9,
  share: 1,
  effectMs: 50,
  evidence: [],
  ...over,
});

const diagnosisOf = (culprit: Culprit, verdict: Diagnosis['verdict']): Diagnosis => ({
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

/** Everything can be turned on it. */
const RATE: TargetState = {
  target: 'rate',
  cpuQuotaCores: { current: 0.5, max: 2 },
  cpuThrottledRatio: 0.3,
  cpuFrequencyKhz: { currentMin: 800_000, max: 3_000_000 },
  llcWays: { current: 4, max: 11 },
  coRunners: [
    { pid: 20, command: '/usr/bin/stress --cpu 2', cpuCores: 0.9 },
    { pid: 11, command: '/usr/bin/stress --cpu 2', cpuCores: 0.5 },
    { pid: 12, command: 'cron', cpuCores: 0.1 },
  ],
  linkMbitPerSecond: { current: 10, max: 1000 },
  linkDelayMs: { current: 40, nominal: 0 },
  pools: [
    { pool: 'geo', size: 4, pending: 0, max: 64 },
    { pool: 'memcached', size: 2, pending: 9, max: 64 },
  ],
};

const limit: Action = { kind: 'limit-corunner', target: 'rate', pids: [11, 20] };
const quota = (cores: number): Action => ({ kind: 'cpu-quota', target: 'rate', cores });
const frequency: Action = { kind: 'cpu-frequency', target: 'rate', minKhz: 3_000_000 };
const delay: Action = { kind: 'link-delay', target: 'rate', delayMs: 0 };
const rate: Action = { kind: 'link-rate', target: 'rate', mbitPerSecond: 1000 };
const pool = (name: string, size: number): Action => ({
  kind: 'pool-size',
  target: 'rate',
  pool: name,
  size,
});

interface Case {
  readonly name: string;
  readonly resource: Resource;
  readonly state?: Partial<TargetState>;
  readonly culprit?: Partial<Culprit>;
  readonly verdict?: Diagnosis['verdict'];
  readonly inForce?: readonly Action[];
  readonly allow?: readonly ActionKind[];
  readonly maxActions?: number;
  readonly placement?: ReadonlyMap<string, readonly string[]>;
  readonly nodes?: readonly string[];
  readonly actions: readonly Action[];
  readonly recommends?: RegExp;
}

const CASES: readonly Case[] = [
  { name: 'cpu: busy neighbours first, idle ones left alone', resource: 'cpu', actions: [limit] },
  { name: 'cpu: then the quota, doubled', resource: 'cpu', inForce: [limit], actions: [quota(1)] },
  {
    name: 'cpu: the quota never above its maximum',
    resource: 'cpu',
    state: { coRunners: [], cpuQuotaCores: { current: 1.5, max: 2 } },
    actions: [quota(2)],
  },
  {
    name: 'cpu: many small neighbours of one name count together',
    resource: 'cpu',
    state: {
      coRunners: [1, 2, 3, 4, 5].map((pid) => ({ pid, command: 'worker', cpuCores: 0.05 })),
    },
    actions: [{ kind: 'limit-corunner', target: 'rate', pids: [1, 2, 3, 4, 5] }],
  },
  {
    name: 'cpu: neighbours before the quota that they would spend',
    resource: 'cpu',
    culprit: { evidence: [evidence('cpu_throttled_ratio')] },
    actions: [limit],
  },
  {
    name: 'cpu: an unlimited quota is not raised, the frequency is',
    resource: 'cpu',
    state: { coRunners: [], cpuQuotaCores: { current: undefined, max: 2 } },
    actions: [frequency],
  },
  {
    name: 'cpu: nothing left says scale out',
    resource: 'cpu',
    state: { cpuQuotaCores: { current: 2, max: 2 } },
    inForce: [limit, frequency],
    actions: [],
    recommends: /more processor time.*scale it out/,
  },
  {
    name: 'cpu: a new neighbour beside those already limited',
    resource: 'cpu',
    inForce: [{ kind: 'limit-corunner', target: 'rate', pids: [11] }],
    actions: [limit],
  },
  {
    name: 'cpu: an action in force on another target does not count',
    resource: 'cpu',
    inForce: [{ kind: 'limit-corunner', target: 'geo', pids: [11, 20] }],
    actions: [limit],
  },
  {
    name: 'cpu: kinds not allowed are passed over',
    resource: 'cpu',
    allow: ['cpu-quota'],
    actions: [quota(1)],
  },
  { name: 'network: the delay first', resource: 'network', actions: [delay] },
  { name: 'network: then the rate', resource: 'network', inForce: [delay], actions: [rate] },
  {
    name: 'network: a nominal link is for people',
    resource: 'network',
    state: { linkDelayMs: { current: 0, nominal: 0 }, linkMbitPerSecond: { current: 1000, max: 1000 } },
    actions: [],
    recommends: /link of rate/,
  },
  { name: 'llc: ways', resource: 'llc', actions: [{ kind: 'llc-ways', target: 'rate', ways: 8 }] },
  {
    name: 'llc: then neighbours',
    resource: 'llc',
    state: { llcWays: { current: 11, max: 11 } },
    actions: [limit],
  },
  {
    name: 'software: the pool that requests wait for',
    resource: 'software',
    actions: [pool('memcached', 4)],
  },
  {
    name: 'software: no pool where none waits and no wait was measured',
    resource: 'software',
    state: { pools: [{ pool: 'memcached', size: 2, pending: 0, max: 64 }] },
    actions: [],
    recommends: /restart it, or roll back/,
  },
  {
    name: 'software: a pool at its maximum does not grow',
    resource: 'software',
    state: { pools: [{ pool: 'memcached', size: 64, pending: 9, max: 64 }] },
    actions: [],
    recommends: /restart it, or roll back/,
  },
  {
    name: 'software: not twice before the agent reports the new size',
    resource: 'software',
    inForce: [pool('memcached', 4)],
    actions: [],
    recommends: /pools, threads and locks/,
  },
  { name: 'memory: words only', resource: 'memory', actions: [], recommends: /memory limit of rate/ },
  { name: 'disk: words only', resource: 'disk', actions: [], recommends: /another disk/ },
  {
    name: 'a knob that the agent does not have',
    resource: 'network',
    nodes: ['bare'],
    actions: [],
    recommends: /link of rate/,
  },
  {
    name: 'no agent for the service',
    resource: 'cpu',
    culprit: { service: 'nowhere' },
    actions: [],
    recommends: /No node agent looks after nowhere/,
  },
  {
    name: 'a placement that names the target',
    resource: 'cpu',
    culprit: { service: 'rating' },
    placement: new Map([['rating', ['rate']]]),
    actions: [limit],
  },
  { name: 'every replica', resource: 'cpu', nodes: ['a', 'b'], actions: [limit, limit] },
  {
    name: 'at most so many actions',
    resource: 'cpu',
    nodes: ['a', 'b', 'c'],
    maxActions: 2,
    actions: [limit, limit],
  },
  {
    name: 'no actions allowed at all',
    resource: 'cpu',
    maxActions: 0,
    actions: [],
    recommends: /no more than 0 actions/,
  },
  {
    name: 'low probability',
    resource: 'cpu',
    culprit: { probability: 0.69 },
    actions: [],
    recommends: /probability is 0\.69, below the 0\.7/,
  },
  {
    name: 'a probability that is no number',
    resource: 'cpu',
    culprit: { probability: Number.NaN },
    actions: [],
    recommends: /below the 0\.7/,
  },
  { name: 'workload', resource: 'cpu', verdict: 'workload', actions: [], recommends: /shed load/ },
  {
    name: 'undetermined',
    resource: 'cpu',
    verdict: 'undetermined',
    actions: [],
    recommends: /could not be determined/,
  },
  {
    name: 'no violation',
    resource: 'cpu',
    verdict: 'no-violation',
    actions: [],
    recommends: /Nothing to do/,
  },
];

describe('planActions', () => {
  for (const test of CASES) {
    it(test.name, () => {
      const culprit = culpritOf(test.resource, test.culprit);
      const state = test.nodes?.[0] === 'bare' ? { target: 'rate' } : { ...RATE, ...test.state };
      const plan = planActions({
        diagnosis: diagnosisOf(culprit, test.verdict ?? 'culprits'),
        culprit,
        nodes: (test.nodes ?? ['node-1']).map((node) => ({ node, targets: [{ target: 'geo' }, state] })),
        inForce: test.inForce ?? [],
        limits: {
          minProbability: 0.7,
          maxActions: test.maxActions ?? 3,
          ...(test.allow === undefined ? {} : { allow: test.allow }),
        },
        ...(test.placement === undefined ? {} : { placement: test.placement }),
      });
      expect(plan.actions.map(({ action }) => action)).to.deep.equal(test.actions);
      expect(plan.recommendations.length > 0).to.equal(test.recommends !== undefined);
      if (test.recommends !== undefined) expect(plan.recommendations.join(' ')).to.match(test.recommends);
      expect(plan).to.include({ objective: 'hotels', service: culprit.service, resource: test.resource });
    });
  }

  it('says where and why', () => {
    const culprit = culpritOf('cpu');
    const plan = planActions({
      diagnosis: diagnosisOf(culprit, 'culprits'),
      culprit,
      nodes: [{ node: 'node-1', targets: [RATE] }],
      inForce: [],
      limits: { minProbability: 0.7, maxActions: 3 },
    });
    expect(plan.actions[0]).to.include({
      node: 'node-1',
      reason: 'stress --cpu 2 takes 1.4 cores beside rate',
    });
  });
});
