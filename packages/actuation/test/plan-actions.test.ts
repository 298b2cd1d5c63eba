import type {
  Action,
  ActionKind,
  Culprit,
  Diagnosis,
  Evidence,
  Instance,
  Resource,
  ScaleBounds,
  ScaleState,
  TargetState,
} from '@sage/core';
import { expect } from 'chai';
import { place, planActions, type Relief, type TurnedKnob } from '../src/index.js';

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

const MB = 1e6;

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

const target = 'rate';
const limit = (pids: number[], of?: 'disk' | 'llc' | 'memory-bandwidth' | 'network'): Action => ({
  kind: 'limit-corunner',
  target,
  pids,
  ...(of === undefined ? {} : { of }),
});
const quota = (cores: number): Action => ({ kind: 'cpu-quota', target, cores });
const cpuWeight = (weight: number): Action => ({ kind: 'cpu-weight', target, weight });
const cpuSet = (...cpus: number[]): Action => ({ kind: 'cpu-set', target, cpus });
const frequency = (minKhz: number): Action => ({ kind: 'cpu-frequency', target, minKhz });
const memory = (bytes: number): Action => ({ kind: 'memory-limit', target, bytes });
const bandwidth = (value: number): Action => ({ kind: 'memory-bandwidth', target, value });
const ways = (count: number): Action => ({ kind: 'llc-ways', target, ways: count });
const diskWeight = (weight: number): Action => ({ kind: 'disk-weight', target, weight });
const delay: Action = { kind: 'link-delay', target, delayMs: 2 };
const rate = (mbitPerSecond: number): Action => ({ kind: 'link-rate', target, mbitPerSecond });
const pool = (name: string, size: number): Action => ({ kind: 'pool-size', target, pool: name, size });
const scale = (replicas: number): Action => ({ kind: 'scale', target, replicas });

interface Case {
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

/** Nobody spends its quota, and it is not throttled. */
const CONTENDED = { cpuThrottledRatio: 0 };
/** It spends its quota itself. */
const OWN = { cpuUsedCores: 0.48 };
const ALONE = { coRunners: [] };

const instance = (service: string, replica: string, node: string, id = ''): Instance => ({
  service,
  replica,
  node,
  containerIds: id === '' ? [] : [id],
  address: undefined,
});

const CASES: readonly Case[] = [
  { name: 'cpu: neighbours spend the quota: they go first', resource: 'cpu', actions: [limit([11, 13, 20])] },
  {
    name: 'cpu: as few programs as free enough, those that take most first',
    resource: 'cpu',
    enough: 0.6,
    actions: [limit([11, 20])],
  },
  {
    // 0.5 / (1 − 0.4) = 0.8333
    name: 'cpu: then the quota, by as much as is throttled',
    resource: 'cpu',
    inForce: [limit([11, 13, 20])],
    actions: [quota(0.84)],
  },
  {
    name: 'cpu: its own use fills the quota, which goes first',
    resource: 'cpu',
    state: OWN,
    actions: [quota(0.84)],
  },
  {
    // 0.5 · (1 − 0.5 · 0.4) / (1 − 0.4) = 0.6667
    name: 'cpu: half of the throttling gone needs less quota',
    resource: 'cpu',
    state: OWN,
    enough: 0.5,
    actions: [quota(0.67)],
  },
  {
    name: 'cpu: a quota whose maximum cannot suffice waits for the neighbours',
    resource: 'cpu',
    state: { ...OWN, cpuThrottledRatio: 0.9 },
    actions: [limit([11, 13, 20])],
  },
  {
    name: 'cpu: without neighbours the quota up to its maximum',
    resource: 'cpu',
    state: { ...OWN, ...ALONE, cpuThrottledRatio: 0.9 },
    actions: [quota(2)],
  },
  {
    name: 'cpu: where throttling is not measured, up to twice the quota',
    resource: 'cpu',
    state: { target, cpuQuotaCores: { current: 0.5, max: 2 } },
    enough: 0.5,
    actions: [quota(0.75)],
  },
  {
    name: 'cpu: not throttled: more processors first',
    resource: 'cpu',
    state: CONTENDED,
    enough: 0.5,
    actions: [cpuSet(0, 1, 2)],
  },
  {
    name: 'cpu: then the weight, 100 / (1 − 0.75)',
    resource: 'cpu',
    state: CONTENDED,
    enough: 0.75,
    inForce: [cpuSet(0, 1, 2, 3)],
    actions: [cpuWeight(400)],
  },
  {
    name: 'cpu: all of the way is the largest weight',
    resource: 'cpu',
    state: { ...CONTENDED, cpuSet: { current: [0], allowed: [0] } },
    actions: [cpuWeight(10_000)],
  },
  {
    name: 'cpu: then the neighbours, an idle one left alone',
    resource: 'cpu',
    state: CONTENDED,
    inForce: [cpuSet(0, 1, 2, 3), cpuWeight(10_000)],
    actions: [limit([11, 13, 20])],
  },
  {
    // 1 / (0.5 / 1 + 0.5 / 3) GHz
    name: 'cpu: then the frequency, by what time it saves',
    resource: 'cpu',
    state: CONTENDED,
    enough: 0.5,
    inForce: [cpuSet(0, 1, 2, 3), cpuWeight(10_000), limit([11, 13, 20])],
    actions: [frequency(1_500_000)],
  },
  {
    name: 'cpu: many small neighbours of one name count together',
    resource: 'cpu',
    state: { coRunners: [1, 2, 3, 4, 5].map((pid) => ({ pid, command: 'worker', cpuCores: 0.05 })) },
    actions: [limit([1, 2, 3, 4, 5])],
  },
  {
    name: 'cpu: an unlimited quota is not raised',
    resource: 'cpu',
    state: { ...ALONE, cpuQuotaCores: { current: undefined, max: 2 } },
    actions: [frequency(3_000_000)],
  },
  {
    name: 'cpu: every rung in force: the first that can go further does',
    resource: 'cpu',
    state: { target, cpuQuotaCores: { current: 1, max: 2 } },
    inForce: [quota(1)],
    actions: [quota(2)],
  },
  {
    name: 'cpu: …but first it is scaled out',
    resource: 'cpu',
    state: { target, cpuQuotaCores: { current: 1, max: 2 } },
    scale: {},
    enough: 0.25,
    inForce: [quota(1)],
    actions: [scale(4)],
  },
  {
    name: 'cpu: a knob that rests is passed over',
    resource: 'cpu',
    resting: [limit([99])],
    actions: [quota(0.84)],
  },
  {
    name: 'cpu: an action in force on another target does not count',
    resource: 'cpu',
    inForce: [{ kind: 'limit-corunner', target: 'geo', pids: [11, 13, 20] }],
    actions: [limit([11, 13, 20])],
  },
  {
    name: 'cpu: kinds not allowed are passed over',
    resource: 'cpu',
    allow: ['cpu-quota'],
    actions: [quota(0.84)],
  },
  {
    name: 'cpu: nothing left says scale out',
    resource: 'cpu',
    nodes: ['bare'],
    actions: [],
    recommends: /more processor time.*scale it out/,
  },
  { name: 'memory: the limit, where it is pressed by it', resource: 'memory', actions: [memory(200 * MB)] },
  {
    name: 'memory: half of the way',
    resource: 'memory',
    enough: 0.5,
    actions: [memory(150 * MB)],
  },
  {
    name: 'memory: a limit that it is far from is not what is short; bandwidth may be',
    resource: 'memory',
    state: { memoryLimitBytes: { current: 100 * MB, max: 1000 * MB, used: 50 * MB } },
    enough: 0.5,
    actions: [bandwidth(60)],
  },
  {
    name: 'memory: then who takes the bandwidth',
    resource: 'memory',
    inForce: [memory(200 * MB), bandwidth(100)],
    actions: [limit([15], 'memory-bandwidth')],
  },
  { name: 'llc: of the ways it has not, the part', resource: 'llc', enough: 0.5, actions: [ways(7)] },
  {
    name: 'llc: then who fills it',
    resource: 'llc',
    state: { llcWays: { current: 11, max: 11 } },
    actions: [limit([13], 'llc')],
  },
  {
    name: 'llc: where the agent can keep neighbours off the processor only, that',
    resource: 'llc',
    state: { target, coRunners: [{ pid: 7, command: 'x', cpuCores: 1 }] },
    actions: [limit([7])],
  },
  {
    name: 'disk: who takes most of it first',
    resource: 'disk',
    enough: 0.7,
    actions: [limit([14], 'disk')],
  },
  {
    name: 'disk: then the weight',
    resource: 'disk',
    enough: 0.75,
    inForce: [limit([13, 14], 'disk')],
    actions: [diskWeight(400)],
  },
  {
    name: 'disk: neighbours that the agent cannot limit are left alone',
    resource: 'disk',
    state: { limitable: ['cpu'] },
    actions: [diskWeight(1000)],
  },
  { name: 'network: a delay is repaired in whole', resource: 'network', enough: 0.3, actions: [delay] },
  {
    name: 'network: then the rate, of a link that is at its maximum the other way',
    resource: 'network',
    enough: 0.5,
    inForce: [delay],
    actions: [rate(505)],
  },
  {
    name: 'network: both ways where both are short',
    resource: 'network',
    state: { linkIngressMbitPerSecond: { current: 20, max: 100 } },
    inForce: [delay],
    actions: [rate(1000), { kind: 'link-rate', target, mbitPerSecond: 100, direction: 'ingress' }],
  },
  {
    name: 'network: then who else sends',
    resource: 'network',
    inForce: [delay, rate(1000)],
    actions: [limit([14], 'network')],
  },
  {
    name: 'software: as many connections as are in use or waited for',
    resource: 'software',
    actions: [pool('memcached', 11)],
  },
  {
    name: 'software: part of the queue',
    resource: 'software',
    enough: 0.5,
    actions: [pool('memcached', 7)],
  },
  {
    name: 'software: a wait was measured and nobody waits now: every pool that can grow',
    resource: 'software',
    state: { pools: [{ pool: 'memcached', size: 4, pending: 0, max: 64 }] },
    culprit: { evidence: [evidence('software_pool_wait_ms')] },
    enough: 0.5,
    actions: [pool('memcached', 6)],
  },
  {
    name: 'software: no pool where none waits and no wait was measured',
    resource: 'software',
    state: { pools: [{ pool: 'memcached', size: 2, pending: 0, max: 64 }] },
    scale: {},
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
    inForce: [pool('memcached', 11)],
    actions: [],
    recommends: /pools, threads and locks/,
  },
  {
    name: 'scale out once no rung is left, by n/(1 − e)',
    resource: 'disk',
    nodes: ['bare'],
    scale: {},
    enough: 0.25,
    actions: [scale(4)],
  },
  {
    name: 'scale: never more than twice at once',
    resource: 'cpu',
    nodes: ['bare'],
    scale: {},
    actions: [scale(6)],
  },
  {
    name: 'scale: the configuration bounds it',
    resource: 'cpu',
    nodes: ['bare'],
    scale: {},
    bounds: { min: 1, max: 5 },
    actions: [scale(5)],
  },
  {
    name: 'scale: an autoscaler bounds it',
    resource: 'cpu',
    nodes: ['bare'],
    scale: { autoscaler: { name: 'rate', min: 2, max: 4 } },
    actions: [scale(4)],
  },
  {
    name: 'scale: at the most there may be it says so',
    resource: 'cpu',
    nodes: ['bare'],
    scale: { replicas: 20 },
    actions: [],
    recommends: /scale it out/,
  },
  {
    name: 'scale: a service that is switched off stays so',
    resource: 'cpu',
    nodes: ['bare'],
    scale: { replicas: 0 },
    actions: [],
    recommends: /scale it out/,
  },
  {
    name: 'scale: not before the local rungs',
    resource: 'disk',
    scale: {},
    actions: [limit([13, 14], 'disk')],
  },
  {
    name: 'scale: where it is not allowed it is recommended',
    resource: 'cpu',
    nodes: ['bare'],
    scale: {},
    allow: ['cpu-quota'],
    actions: [],
    recommends: /scale it out/,
  },
  {
    name: 'scale: one that is under way is not doubled',
    resource: 'cpu',
    nodes: ['bare'],
    scale: {},
    inForce: [scale(6)],
    actions: [],
    recommends: /scale it out/,
  },
  {
    name: 'workload: scales out who saturates, whatever it waits for',
    resource: 'software',
    verdict: 'workload',
    scale: {},
    enough: 0.5,
    actions: [scale(6)],
  },
  {
    name: 'workload: nothing local',
    resource: 'cpu',
    verdict: 'workload',
    actions: [],
    recommends: /Scale rate out, which saturates first, or shed load/,
  },
  {
    name: 'no agent for the service',
    resource: 'cpu',
    culprit: { service: 'nowhere' },
    actions: [],
    recommends: /No node agent looks after nowhere/,
  },
  {
    name: 'a target that is named as the replica',
    resource: 'disk',
    culprit: { service: 'rating' },
    instances: [instance('rating', 'rate', 'a')],
    actions: [limit([13, 14], 'disk')],
  },
  {
    name: 'every replica',
    resource: 'disk',
    nodes: ['a', 'b'],
    actions: [limit([13, 14], 'disk'), limit([13, 14], 'disk')],
  },
  {
    name: 'the one replica that is bad, by the name of the orchestrator',
    resource: 'disk',
    culprit: { replica: 'rate-7' },
    nodes: ['a', 'b'],
    instances: [instance('rate', 'rate-7', 'b'), instance('rate', 'rate-8', 'a')],
    actions: [limit([13, 14], 'disk')],
  },
  {
    name: 'the one replica that is bad, by the beginning of its container',
    resource: 'disk',
    culprit: { replica: 'deadbeef0123' },
    nodes: ['a', 'b'],
    instances: [instance('rate', 'rate-7', 'b', `deadbeef0123${'0'.repeat(52)}`)],
    actions: [limit([13, 14], 'disk')],
  },
  {
    name: 'the one replica that is bad, which nobody can find: none is touched',
    resource: 'disk',
    culprit: { replica: 'rate-9' },
    nodes: ['a', 'b'],
    instances: [instance('rate', 'rate-7', 'b')],
    actions: [],
    recommends: /No node agent looks after the replica rate-9/,
  },
  {
    name: 'who shares the node is named where a person has to move things',
    resource: 'disk',
    nodes: ['bare'],
    instances: [instance('geo', 'geo-1', 'bare'), instance('profile', 'profile-1', 'bare')],
    actions: [],
    recommends: /On bare rate runs beside geo, profile\./,
  },
  {
    name: 'at most so many actions',
    resource: 'disk',
    nodes: ['a', 'b', 'c'],
    maxActions: 2,
    actions: [limit([13, 14], 'disk'), limit([13, 14], 'disk')],
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

function plan(test: Case, relief?: Relief) {
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

describe('planActions', () => {
  for (const test of CASES) {
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

  const acts = (resource: Resource, rest: Partial<Case> = {}): Case => ({
    name: '',
    resource,
    actions: [],
    ...rest,
  });

  it('says where and why', () => {
    expect(plan(acts('cpu', { enough: 0.6 })).actions[0]).to.include({
      node: 'a',
      reason: 'stress --cpu 2 takes 1.4 cores beside rate',
    });
    expect(plan(acts('cpu', { nodes: ['bare'], scale: {} })).actions[0]).to.include({
      node: 'kubernetes',
      reason: 'Deployment shop/rate has 3 of at most 20 replicas',
    });
  });

  it('expects the latency of what it does: enough, or all of the way', () => {
    expect(plan(acts('disk', { enough: 0.7 })).expectedMs).to.equal(80);
    expect(plan(acts('network', { enough: 0.3 })).expectedMs).to.equal(40);
    expect(plan(acts('cpu', { nodes: ['bare'] })).expectedMs).to.equal(undefined);
  });

  it('acts on the bad replica where it is', () => {
    const test = CASES.find(({ name }) => name.endsWith('name of the orchestrator'));
    expect(test && plan(test).actions.map(({ node }) => node)).to.deep.equal(['b']);
  });

  it('says to replace a bad replica that scaling out only relieves', () => {
    const made = plan(acts('disk', { nodes: ['bare'], culprit: { replica: 'rate' }, scale: {} }));
    expect(made.actions.map(({ action }) => action)).to.deep.equal([scale(6)]);
    expect(made.recommendations).to.deep.equal(['Replace the replica rate of rate, which alone is bad.']);
  });

  for (const enough of [0, -1, Number.NaN, 2, Number.POSITIVE_INFINITY]) {
    it(`takes ${enough} for all of the way`, () => {
      const made = plan(acts('memory'), { enough, expectedMs: 1, restoredMs: 1 });
      expect(made.actions.map(({ action }) => action)).to.deep.equal([memory(200 * MB)]);
    });
  }
});
