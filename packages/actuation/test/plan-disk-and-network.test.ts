import { delay, diskWeight, limit, rate, target, testEach } from './planning.js';

describe('planActions for disk and network', () => {
  testEach([
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
  ]);
});
