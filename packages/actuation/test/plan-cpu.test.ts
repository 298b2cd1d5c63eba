import { cpuSet, cpuWeight, frequency, limit, quota, target, testEach } from './planning.js';

/** Nobody spends its quota, and it is not throttled. */
const CONTENDED = { cpuThrottledRatio: 0 };
/** It spends its quota itself. */
const OWN = { cpuUsedCores: 0.48 };
const ALONE = { coRunners: [] };

describe('planActions for the processor', () => {
  testEach([
    {
      name: 'cpu: neighbours spend the quota: they go first',
      resource: 'cpu',
      actions: [limit([11, 13, 20])],
    },
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
      name: 'cpu: where throttling is not measured, twice the quota, whatever would be enough',
      resource: 'cpu',
      state: { target, cpuQuotaCores: { current: 0.5, max: 2 } },
      enough: 0.5,
      actions: [quota(1)],
    },
    {
      // 2 / (1 − 0.3) = 2.86
      name: 'cpu: not throttled: more processors first',
      resource: 'cpu',
      state: CONTENDED,
      enough: 0.3,
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
      name: 'cpu: nothing left says scale out',
      resource: 'cpu',
      nodes: ['bare'],
      actions: [],
      recommends: /more processor time.*scale it out/,
    },
  ]);
});
