import { bandwidth, limit, MB, memory, target, testEach, ways } from './planning.js';

describe('planActions for memory and cache', () => {
  testEach([
    {
      name: 'memory: the limit, where it is pressed by it',
      resource: 'memory',
      actions: [memory(200 * MB)],
    },
    {
      name: 'memory: twice the limit, though half of the way were enough: who is held down shows no more',
      resource: 'memory',
      enough: 0.5,
      actions: [memory(200 * MB)],
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
  ]);
});
