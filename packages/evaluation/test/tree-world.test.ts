import { buildCausalGraph } from '@sage/causal-graph';
import { createRng, OUTSIDE, type Window } from '@sage/core';
import { expect } from 'chai';
import { observeTree, type Slowed, treeCalls } from '../src/experiments/tree-world.js';

const graph = buildCausalGraph(treeCalls(7, createRng(3)));

function observed(slow: Slowed | undefined, replicas = 3): Window {
  return observeTree(graph, 0, { random: createRng(4), replicas, slow });
}

const serverOf = (service: string) =>
  graph.latency.find(({ kind, rpc }) => kind === 'server' && rpc.callee === service)?.id ?? '';
const root = graph.latency.find(({ kind, rpc }) => kind === 'server' && rpc.caller === OUTSIDE)?.id ?? '';

describe('a tree of services', () => {
  const calm = observed(undefined);
  const rise = ({ latency }: Window, node: string, percentile: 'p50Ms' | 'p95Ms' | 'p99Ms') =>
    (latency.get(node)?.[percentile] ?? 0) - (calm.latency.get(node)?.[percentile] ?? 0);

  it('has a tail and its median as ever where one of three replicas slows', () => {
    const one = observed({ service: 's1', replica: 's1-2' });
    expect(rise(one, serverOf('s1'), 'p50Ms')).to.be.within(0, 5);
    expect(rise(one, serverOf('s1'), 'p95Ms')).to.be.within(200, 400);
    expect(rise(one, root, 'p99Ms')).to.be.greaterThan(100);
  });

  it('is slow altogether where all replicas slow', () => {
    const all = observed({ service: 's1' });
    expect(rise(all, serverOf('s1'), 'p50Ms')).to.be.closeTo(200, 1e-6);
    expect(rise(all, serverOf('s1'), 'p99Ms')).to.be.closeTo(400, 1e-6);
  });

  it('tells of each replica, and of the service what the replicas have together', () => {
    const one = observed({ service: 's1', replica: 's1-2' });
    const told = [...(one.replicas?.get('s1') ?? [])];
    expect(told.map(([name]) => name)).to.deep.equal(['s1-0', 's1-1', 's1-2']);
    const slow = told.filter(([, { latency }]) => (latency?.p50Ms ?? 0) > 150).map(([name]) => name);
    expect(slow).to.deep.equal(['s1-2']);
    const read = (feature: 'cpu_usage_cores' | 'cpu_runqueue_wait_ratio') =>
      told.map(([, { metrics }]) => metrics.get(feature) ?? Number.NaN);
    const joined = one.metrics.get('s1');
    expect(joined?.get('cpu_runqueue_wait_ratio')).to.equal(Math.max(...read('cpu_runqueue_wait_ratio')));
    expect(joined?.get('cpu_usage_cores')).to.be.closeTo(
      read('cpu_usage_cores').reduce((sum, value) => sum + value, 0),
      1e-12,
    );
  });

  it('tells of no replica where each service has one', () => {
    expect(observed(undefined, 1).replicas).to.equal(undefined);
  });
});
