import type { Abduction, LatencyNode } from '@sage/causal-graph';
import type { Percentile, Window } from '@sage/core';
import { expect } from 'chai';
import { callsAlikeIn } from '../src/calls-alike.js';
import type { GraphView } from '../src/graph-view.js';

/** A kind of call from `a`, how often it was seen, and what its p95 and p99 are off by, at 0.3 ms to a unit of z. */
interface Seen {
  readonly callee: string;
  readonly operation: string;
  readonly calls: number;
  readonly excessMs: readonly [p95: number, p99: number];
  readonly waitsForOthers?: boolean;
}

function nodeOf({ callee, operation, waitsForOthers = false }: Seen): LatencyNode {
  const parents = waitsForOthers ? [{ node: 'server|b>c:/', weight: 1, callsPerChild: 1 }] : [];
  return {
    id: `client|a>${callee}:${operation}`,
    kind: 'client',
    rpc: { caller: 'a', callee, operation },
    owners: ['a', callee],
    parents,
  };
}

/** How many calls lie beyond a percentile of the first of them. */
function callsAlike(seen: readonly [Seen, ...Seen[]], percentile: Percentile): number {
  const nodes = new Map(seen.map((each) => [nodeOf(each).id, each]));
  const latencyNodes = seen.map(nodeOf);
  const [target] = latencyNodes as [LatencyNode];
  const ownedBy = (service: string) => latencyNodes.filter(({ owners }) => owners.includes(service));
  const services = ['a', ...new Set(seen.map(({ callee }) => callee))];
  const view: GraphView = {
    target,
    nodes: new Map(latencyNodes.map((node) => [node.id, node])),
    ancestors: new Set(nodes.keys()),
    services,
    owned: new Map(services.map((service) => [service, ownedBy(service)])),
    hiddenWays: new Map(),
  };
  const window: Window = {
    startMs: 0,
    endMs: 30_000,
    latency: new Map(
      [...nodes].map(([id, { calls }]) => [id, { p50Ms: 1, p95Ms: 1, p99Ms: 1, count: calls }]),
    ),
    metrics: new Map(),
  };
  const abduction: Abduction = {
    window,
    residual: (id, of) => {
      const [p95, p99] = nodes.get(id)?.excessMs ?? [0, 0];
      const excessMs = { p50Ms: 0, p95Ms: p95, p99Ms: p99 }[of];
      return { observedMs: 1 + excessMs, expectedMs: 1, z: excessMs / 0.3 };
    },
  };
  return callsAlikeIn(view, window, abduction)(target, percentile);
}

describe('calls beyond a percentile', () => {
  const find: Seen = { callee: 'store', operation: 'find', calls: 40, excessMs: [50, 60] };
  const insert: Seen = { ...find, operation: 'insert' };
  const lost: Seen = { callee: 'b', operation: '/', calls: 30, excessMs: [198, 201] };

  const CASES: readonly [name: string, seen: readonly [Seen, ...Seen[]], beyond: number][] = [
    ['are its own', [find], 2],
    ['count together with others between the same two that are slow there, too', [find, insert], 4],
    ['do not with those as fast as ever', [find, { ...insert, excessMs: [0, 60] }], 2],
    ['do not where they are as fast as ever', [{ ...find, excessMs: [0, 0] }, insert], 2],
    ['do not with those of another callee', [find, { ...insert, callee: 'cache' }], 2],
    ['do not where they may have waited for others', [{ ...find, waitsForOthers: true }, insert], 2],
    ['do not with those that may have waited for others', [find, { ...insert, waitsForOthers: true }], 2],
    [
      'count together where packets were sent again, whoever they were sent to',
      [lost, { ...lost, callee: 'c' }, { ...lost, callee: 'd' }],
      4.5,
    ],
    [
      'and at least one is where that shows in the slowest',
      [lost, { ...lost, callee: 'c', excessMs: [0, 201] }],
      2.5,
    ],
    [
      'do not where others are late by something else',
      [lost, { ...lost, callee: 'c', excessMs: [90, 130] }],
      1.5,
    ],
  ];
  for (const [name, seen, beyond] of CASES) {
    it(name, () => {
      expect(callsAlike(seen, 'p95Ms')).to.be.closeTo(beyond, 1e-9);
    });
  }

  it('are enough where they are so by themselves', () => {
    expect(callsAlike([{ ...find, calls: 200 }, insert], 'p95Ms')).to.equal(10);
  });
});
