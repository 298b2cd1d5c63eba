import type { Instance, Resource } from '@sage/core';
import { expect } from 'chai';
import { type Case, limit, MB, memory, plan, quota, scale, testEach } from './planning.js';

const instance = (service: string, replica: string, node: string, id = ''): Instance => ({
  service,
  replica,
  node,
  containerIds: id === '' ? [] : [id],
  address: undefined,
});

describe('planActions', () => {
  testEach([
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
  ]);

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
    const made = plan(
      acts('disk', {
        culprit: { replica: 'rate-7' },
        nodes: ['a', 'b'],
        instances: [instance('rate', 'rate-7', 'b'), instance('rate', 'rate-8', 'a')],
      }),
    );
    expect(made.actions.map(({ node }) => node)).to.deep.equal(['b']);
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
