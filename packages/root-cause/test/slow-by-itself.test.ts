import type { LatencyNode } from '@sage/causal-graph';
import type { LatencyNodeId, Window } from '@sage/core';
import { expect } from 'chai';
import { type NodeAnomaly, noSigns } from '../src/anomaly.js';
import { isSlowByItself } from '../src/slow-by-itself.js';

/** `front` calls `back`; with a client span, or with the way there in its own time. */
const BACK: LatencyNode = {
  id: 'server|front>back:/',
  kind: 'server',
  rpc: { caller: 'front', callee: 'back', operation: '/' },
  owners: ['back'],
  parents: [],
};
const CALL: LatencyNode = { ...BACK, id: 'client|front>back:/', kind: 'client', owners: ['front', 'back'] };
const WAY: LatencyNode = { ...CALL, id: 'request|front>back:/', kind: 'request' };
const front = (called: LatencyNode): LatencyNode => ({
  id: 'server|(outside)>front:/',
  kind: 'server',
  rpc: { caller: '(outside)', callee: 'front', operation: '/' },
  owners: ['front'],
  parents: [{ node: called.id, weight: 1, callsPerChild: 1 }],
});

const NORMAL_MS = 10;

interface Asked {
  /** What of `front` is slow, by how much, and in z beside what the model expects and beside normal. */
  readonly node: LatencyNode;
  readonly excessMs: number;
  readonly z?: number;
  readonly slowness?: number;
  /** By how much the call takes longer than usual, ms; undefined where none was seen in the window. */
  readonly calledMs?: number;
  readonly isCallKnown?: boolean;
  readonly part?: number;
  readonly others?: readonly string[];
}

function isSlow(asked: Asked): boolean {
  const { node, excessMs, z = 20, slowness = 20, calledMs, isCallKnown = true, part = 1 } = asked;
  const entry: NodeAnomaly = {
    ...{ node, observedMs: NORMAL_MS + excessMs, expectedMs: NORMAL_MS, z, slowness, excessMs },
    ...{ medianExcessMs: excessMs, meanExcessMs: excessMs, isLossy: false },
  };
  const observed = new Map<LatencyNodeId, number>([[node.id, NORMAL_MS + excessMs]]);
  const [parent] = node.parents;
  if (parent !== undefined && calledMs !== undefined) observed.set(parent.node, NORMAL_MS + calledMs);
  const stats = (ms: number) => ({ p50Ms: ms, p95Ms: ms, p99Ms: ms, count: 300 });
  const window: Window = {
    ...{ startMs: 0, endMs: 30_000, metrics: new Map() },
    latency: new Map([...observed].map(([id, ms]) => [id, stats(ms)])),
  };
  const normal = { center: NORMAL_MS, spread: 1 };
  const own = { ...noSigns('front'), [node.owners.length > 1 ? 'shared' : 'exclusive']: [entry] };
  return isSlowByItself(own, asked.others ?? ['back'], {
    view: { nodes: new Map([BACK, CALL].map((known) => [known.id, known])) },
    window,
    reference: { latency: (id) => (id === node.id || isCallKnown ? normal : undefined) },
    percentile: 'p95Ms',
    responsibility: () => part,
    threshold: 6,
  });
}

describe('a service that is slow by itself', () => {
  const own = front(CALL);
  const CASES: readonly [name: string, asked: Asked, slow: boolean][] = [
    ['calls that are as fast as ever', { node: own, excessMs: 40, calledMs: 0 }, true],
    ['calls that take hardly longer', { node: own, excessMs: 40, calledMs: 3 }, true],
    ['no calls in the window', { node: own, excessMs: 40 }, true],
    ['calls that take longer, too', { node: own, excessMs: 40, calledMs: 5 }, false],
    [
      'calls of which nobody knows what is usual',
      { node: own, excessMs: 40, calledMs: 0, isCallKnown: false },
      false,
    ],
    ['as fast as the model expects', { node: own, excessMs: 40, calledMs: 0, z: 5 }, false],
    ['no slower than usual', { node: own, excessMs: 40, calledMs: 0, slowness: 5 }, false],
    ['mostly the doing of somebody else', { node: own, excessMs: 40, calledMs: 0, part: 0.4 }, false],
    [
      "holds the ways to another that is blamed, whose link's they may be",
      { node: front(BACK), excessMs: 40, calledMs: 0 },
      false,
    ],
    [
      'holds the ways to somebody whom nobody blames',
      { node: front(BACK), excessMs: 40, calledMs: 0, others: ['elsewhere'] },
      true,
    ],
    ['a way to another that is blamed', { node: WAY, excessMs: 40 }, false],
    ['a way to somebody whom nobody blames', { node: WAY, excessMs: 40, others: ['elsewhere'] }, true],
  ];
  for (const [name, asked, slow] of CASES) {
    it(`${slow ? 'is' : 'is not'}: ${name}`, () => {
      expect(isSlow(asked)).to.equal(slow);
    });
  }
});
