import { expect } from 'chai';
import { heard, met, metSlope, positive, positiveSlope, rawOf } from '../src/own-time.js';

const USUAL = { handedMs: 0, usualMs: 1 };

/** What a node takes by a raw number. */
function tookMs(raw: number, { handedMs, usualMs }: { handedMs: number; usualMs: number }): number {
  return positive(raw) * usualMs + met(raw) * handedMs;
}

describe('own times as raw numbers', () => {
  for (const took of [0.02, 0.5, 1, 3, 1000]) {
    it(`know the head that makes ${took} of the usual time`, () => {
      expect(positive(rawOf(took, USUAL))).to.be.closeTo(took, 1e-9 * took);
    });
  }

  for (const took of [0.3, 2, 40, 50.06, 51, 3000]) {
    it(`know the head that makes ${took} ms where 50 ms are handed on`, () => {
      const known = { handedMs: 50, usualMs: 2 };
      expect(tookMs(rawOf(took, known), known)).to.be.closeTo(took, 1e-3 * took);
    });
  }

  it('say that all was met unless it is surely more than the node took', () => {
    for (const took of [48, 50, 50.1, 51, 3000])
      expect(met(rawOf(took, { handedMs: 50, usualMs: 2 }))).to.equal(1);
    expect(met(rawOf(25, { handedMs: 50, usualMs: 2 }))).to.be.closeTo(0.5, 0.001);
  });

  it('leave it to the weights how much of a guess was met', () => {
    for (const took of [2, 25, 50]) {
      expect(met(rawOf(took, { handedMs: 50, isGuess: true, usualMs: 2 }))).to.equal(1);
    }
  });

  it('know how what they make changes with them', () => {
    for (const raw of [-20, -12, -9, -8, -3, 0, 5]) {
      const slope = (f: (raw: number) => number) => (f(raw + 1e-6) - f(raw - 1e-6)) / 2e-6;
      expect(positiveSlope(raw)).to.be.closeTo(slope(positive), 1e-5 * positive(raw));
      expect(metSlope(raw)).to.be.closeTo(slope(met), 1e-5);
    }
  });

  it('are corrected where they are usual, half as much at ten times of it, and not where they are far out', () => {
    for (const size of [0, 0.02, 0.1, 1]) expect(heard(rawOf(size, USUAL))).to.equal(1);
    expect(heard(rawOf(10, USUAL))).to.be.closeTo(0.5, 1e-9);
    for (const took of [1, 2500, 4700])
      expect(heard(rawOf(took, { handedMs: 5000, usualMs: 1 }))).to.equal(0);
    expect(heard(rawOf(1000, USUAL)) * rawOf(1000, USUAL)).to.be.below(0.11 * rawOf(1000, USUAL));
  });

  it('take hardly any time for none, or less', () => {
    for (const took of [0, -5]) expect(positive(rawOf(took, USUAL))).to.be.within(1e-3, 0.02);
  });
});
