import { expect } from 'chai';
import { heard, positive, rawOf } from '../src/own-time.js';

describe('own times as raw numbers', () => {
  for (const size of [0.02, 0.5, 1, 3, 1000]) {
    it(`know the head that makes ${size} of the usual time`, () => {
      expect(positive(rawOf(size))).to.be.closeTo(size, 1e-9 * size);
    });
  }

  it('are corrected where they are usual, half as much at ten times of it, and not where they are far out', () => {
    for (const size of [0, 0.1, 1]) expect(heard(rawOf(size))).to.equal(1);
    expect(heard(rawOf(10))).to.be.closeTo(0.5, 1e-9);
    expect(heard(rawOf(1000)) * rawOf(1000)).to.be.below(0.11 * rawOf(1000));
  });

  it('take no time at all, or less, for a small one', () => {
    for (const size of [0, -5]) expect(positive(rawOf(size))).to.be.within(1e-3, 0.02);
  });
});
