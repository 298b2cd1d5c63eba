import { expect } from 'chai';
import { positive, rawOf } from '../src/own-time.js';

describe('own times as raw numbers', () => {
  for (const size of [0.02, 0.5, 1, 3, 1000]) {
    it(`know the head that makes ${size} of the usual time`, () => {
      expect(positive(rawOf(size))).to.be.closeTo(size, 1e-9 * size);
    });
  }

  it('take no time at all, or less, for a small one', () => {
    for (const size of [0, -5]) expect(positive(rawOf(size))).to.be.within(1e-3, 0.02);
  });
});
