import { createRng } from '@sage/core';
import { expect } from 'chai';
import { leftBeside, type NodeDelay, tookAtLeast } from '../src/node-delays.js';
import { OwnDelay } from '../src/own-delay.js';

/** Handed 20, 60 and 80 ms, and held up for 10 ms in the mean, as one in ten of its runs is for 100 ms. */
const HANDED = [20, 60, 80];
const TOOK = [22, 130, 300];
const NODE: NodeDelay = {
  id: 'server|front>a:/',
  delay: new OwnDelay({ mean: { delayMs: 10, restMs: 27 }, base: [21, 61, 81], took: TOOK, count: 500 }),
  tookMs: TOOK,
  usualOwnMs: [1, 1, 1],
  addedMs: [1, 40, 100],
};
const WORLDS = 32;

function least(handed: readonly number[]): readonly number[][] | undefined {
  const now = Float64Array.from(handed.flatMap((ms) => new Array<number>(WORLDS).fill(ms)));
  const before = Float64Array.from(HANDED);
  const took = tookAtLeast(NODE, { before, now, worlds: WORLDS, rng: createRng(3) });
  return took && [0, 1, 2].map((q) => [...took.subarray(q * WORLDS, (q + 1) * WORLDS)]);
}

describe('what a node takes by its own delay at least', () => {
  it('is not asked where it is handed as much as before', () => {
    expect(least(HANDED)).to.equal(undefined);
    expect(least([20, 60.5, 100])).to.equal(undefined);
  });

  it('is what comes to light where it is handed less, and no more than it took', () => {
    const [p50, p95, p99] = least([5, 8, 10]) as [number[], number[], number[]];
    for (const ms of p50) expect(ms).to.be.within(5, 10);
    // Of one run in ten every other is held up for more than 70 ms, of all one in twenty.
    const middle = (values: number[]) => [...values].sort((a, b) => a - b)[WORLDS / 2] as number;
    expect(middle(p95)).to.be.within(50, 100);
    expect(middle(p99)).to.be.within(170, 300);
    for (const [q, values] of [p50, p95, p99].entries()) {
      for (const ms of values) expect(ms).to.be.at.most(TOOK[q] as number);
    }
  });

  it('is not looked for elsewhere, nor more of it than there is', () => {
    const unexplained = Float64Array.from([5, 5, 5, 10, 30, 500, -3, 0, 4]);
    const left = leftBeside(new Map([[1, NODE]]), unexplained);
    expect([...left]).to.deep.equal([5, 5, 5, 9, 0, 400, -3, 0, 4]);
    const faster = leftBeside(new Map([[2, NODE]]), unexplained);
    expect([...faster]).to.deep.equal([5, 5, 5, 10, 30, 500, -3, 0, 0]);
  });
});
