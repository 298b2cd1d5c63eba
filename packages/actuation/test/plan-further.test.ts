import {
  bandwidth,
  cpuSet,
  cpuWeight,
  limit,
  MB,
  memory,
  pool,
  quota,
  rate,
  scale,
  target,
  testEach,
  ways,
} from './planning.js';

/** Held to a quota alone, and throttled a little. */
const HELD = { target, cpuQuotaCores: { current: 1, max: 8 }, cpuThrottledRatio: 0.2, cpuUsedCores: 1 };

describe('planActions for a knob that is in force and was not enough', () => {
  testEach([
    {
      // 1 / (1 − 0.2) = 1.25 by the throttling, which was believed once.
      name: 'cpu: at least twice the quota, before anything else',
      resource: 'cpu',
      state: HELD,
      enough: 0.25,
      inForce: [quota(1)],
      actions: [quota(2)],
    },
    {
      // 1 / (1 − 0.75) = 4
      name: 'cpu: more than twice, where it is throttled as much',
      resource: 'cpu',
      state: { ...HELD, cpuThrottledRatio: 0.75 },
      inForce: [quota(1)],
      actions: [quota(4)],
    },
    {
      name: 'cpu: as far as the quota goes, before it is scaled out',
      resource: 'cpu',
      state: { ...HELD, cpuQuotaCores: { current: 1, max: 1.5 } },
      scale: {},
      enough: 0.25,
      inForce: [quota(1)],
      actions: [quota(1.5)],
    },
    {
      name: 'cpu: not where the quota is not short any more: then the next rung',
      resource: 'cpu',
      state: { ...HELD, cpuThrottledRatio: 0, cpuWeight: { current: 100, max: 10_000 } },
      enough: 0.75,
      inForce: [quota(1)],
      actions: [cpuWeight(400)],
    },
    {
      name: 'cpu: the next rung at the end of the range, by the model again',
      resource: 'cpu',
      state: {
        ...HELD,
        cpuQuotaCores: { current: 8, max: 8 },
        cpuFrequencyKhz: { currentMin: 1e6, max: 3e6 },
      },
      enough: 0.5,
      inForce: [quota(8)],
      // 1 / (0.5 / 1 + 0.5 / 3) GHz
      actions: [{ kind: 'cpu-frequency', target, minKhz: 1_500_000 }],
    },
    {
      name: 'cpu: the largest weight',
      resource: 'cpu',
      state: { target, cpuWeight: { current: 400, max: 10_000 } },
      enough: 0.25,
      inForce: [cpuWeight(400)],
      actions: [cpuWeight(10_000)],
    },
    {
      name: 'cpu: twice the processors',
      resource: 'cpu',
      state: { target, cpuSet: { current: [0, 1], allowed: [0, 1, 2, 3, 4] } },
      enough: 0.25,
      inForce: [cpuSet(0, 1)],
      actions: [cpuSet(0, 1, 2, 3)],
    },
    {
      name: 'cpu: all of the neighbours, where those that take most are held back',
      resource: 'cpu',
      enough: 0.25,
      inForce: [limit([11, 20])],
      actions: [limit([11, 13, 20])],
    },
    {
      name: 'memory: twice the limit, where it is full again',
      resource: 'memory',
      state: { memoryLimitBytes: { current: 200 * MB, max: 1000 * MB, used: 199 * MB } },
      inForce: [memory(200 * MB)],
      actions: [memory(400 * MB)],
    },
    {
      name: 'memory: the next rung, where it is not',
      resource: 'memory',
      state: { memoryLimitBytes: { current: 200 * MB, max: 1000 * MB, used: 120 * MB } },
      enough: 0.5,
      inForce: [memory(200 * MB)],
      actions: [bandwidth(60)],
    },
    {
      name: 'llc: all of the ways',
      resource: 'llc',
      state: { llcWays: { current: 7, max: 11 } },
      enough: 0.25,
      inForce: [ways(7)],
      actions: [ways(11)],
    },
    {
      name: 'network: all of the rate',
      resource: 'network',
      state: { target, linkMbitPerSecond: { current: 505, max: 1000 } },
      enough: 0.25,
      inForce: [rate(505)],
      actions: [rate(1000)],
    },
    {
      name: 'software: the whole queue',
      resource: 'software',
      state: { pools: [{ pool: 'memcached', size: 4, pending: 9, max: 64 }] },
      enough: 0.25,
      inForce: [pool('memcached', 4)],
      actions: [pool('memcached', 13)],
    },
    {
      name: 'scale: twice the replicas',
      resource: 'cpu',
      nodes: ['bare'],
      scale: { replicas: 4 },
      enough: 0.25,
      inForce: [scale(4)],
      actions: [scale(8)],
    },
    {
      name: 'one in force on another target is another knob',
      resource: 'cpu',
      state: HELD,
      enough: 0.5,
      inForce: [{ kind: 'cpu-quota', target: 'geo', cores: 1 }],
      // 1 · (1 − 0.5 · 0.2) / (1 − 0.2) = 1.125
      actions: [quota(1.13)],
    },
  ]);
});
