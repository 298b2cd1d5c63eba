import { latencyNodeId, type Objective, OUTSIDE, rpcId, type Window } from '@sage/core';
import { expect } from 'chai';
import { rehearsalOf } from '../src/index.js';

const objective: Objective = {
  name: 'q',
  service: 'frontend',
  operation: '/',
  percentile: 'p99Ms',
  thresholdMs: 1000,
};
const ROOT = latencyNodeId('server', rpcId({ caller: OUTSIDE, callee: 'frontend', operation: '/' }));

const pastOf = (p99s: readonly number[]): Window[] =>
  p99s.map((p99Ms, i) => ({
    startMs: 30_000 * i,
    endMs: 30_000 * (i + 1),
    latency: new Map([[ROOT, { p50Ms: 1, p95Ms: 2, p99Ms, count: 100 }]]),
    metrics: new Map(),
  }));
/** Slower and slower up to the 29th window, then faster than all of them. */
const RISING = [...Array.from({ length: 29 }, (_, i) => 10 + i), 5];

describe('a rehearsal', () => {
  it('asks about the newest window slower than usual, as if usual were all that is allowed', () => {
    const past = pastOf(RISING);
    const question = rehearsalOf(past, objective);
    expect(question?.window).to.equal(past[28]);
    expect(question?.history).to.deep.equal(past.slice(0, 28));
    expect(question?.objective).to.deep.equal({ ...objective, thresholdMs: 23.5 });
  });

  for (const [what, p99s] of [
    ['a short past', RISING.slice(0, 19)],
    ['a past that was always the same', RISING.map(() => 10)],
    ['a past that was slow at its very beginning only', [90, ...RISING.slice(1).map(() => 10)]],
  ] as const) {
    it(`is not held with ${what}`, () => expect(rehearsalOf(pastOf(p99s), objective)).to.equal(undefined));
  }
});
