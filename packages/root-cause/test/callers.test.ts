import type { Abduction, LatencyNode, Residual } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import { expect } from 'chai';
import { callersIn } from '../src/callers.js';
import type { NormalReference } from '../src/normal-reference.js';

function node(id: string, parents: readonly string[]): LatencyNode {
  return {
    id,
    kind: 'server',
    rpc: { caller: 'x', callee: id, operation: '/' },
    owners: [id],
    parents: parents.map((parent) => ({ node: parent, weight: 1, callsPerChild: 1 })),
  };
}

describe('a slow call seen by who waits for it', () => {
  const [store, caller] = [node('store', []), node('caller', ['store'])];
  const nodes = new Map([store, caller].map((each) => [each.id, each]));
  const view = {
    target: caller,
    nodes,
    ancestors: new Set(nodes.keys()),
    services: ['caller', 'store'],
    owned: new Map([
      ['caller', [caller]],
      ['store', [store]],
    ]),
    hiddenWays: new Map(),
  };
  /** Usually the caller takes 4 ms at its p95, and the store 1 ms at its p99. */
  const isWaitedFor = (calls: number, observedMs: number, expectedMs: number, storeMs: number): boolean => {
    const latency = new Map([['caller', { p50Ms: 1, p95Ms: observedMs, p99Ms: observedMs, count: calls }]]);
    const window: Window = { startMs: 0, endMs: 30_000, latency, metrics: new Map() };
    const residual: Residual = { observedMs, expectedMs, z: 0 };
    const abduction: Abduction = { window, residual: () => residual };
    const reference: NormalReference = {
      windows: [],
      loadPerSecond: 1,
      largestLoad: () => 1,
      features: () => new Map(),
      latency: () => ({ center: 4, spread: 1 }),
      rootLoads: new Map(),
    };
    const callers = callersIn(view, window, { reference, abduction, percentile: 'p95Ms' });
    return callers.wait(store, { observedMs: storeMs, expectedMs: 1, z: 50 });
  };

  const CASES: readonly [
    name: string,
    calls: number,
    ms: number,
    expected: number,
    store: number,
    is: boolean,
  ][] = [
    ['is one of many where the caller is as slow in many', 200, 203, 200, 199, true],
    ['may be by chance where the caller is as fast as ever', 200, 4, 4, 199, false],
    ['may be by chance where few runs of the caller tell', 80, 203, 200, 199, false],
    ['is not what the caller is slow by where that is more', 200, 203, 200, 99, false],
    ['is not where the caller is so by itself', 200, 203, 104, 199, false],
  ];
  for (const [name, calls, ms, expected, storeMs, is] of CASES) {
    it(name, () => {
      expect(isWaitedFor(calls, ms, expected, storeMs)).to.equal(is);
    });
  }
});
