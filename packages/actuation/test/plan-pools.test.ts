import type { Evidence } from '@sage/core';
import { pool, testEach } from './planning.js';

const evidence = (name: string): Evidence => ({ name, unit: '1', observed: 1, expected: 0, z: 30 });

describe('planActions for pools', () => {
  testEach([
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
      actions: [pool('memcached', 8)],
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
  ]);
});
