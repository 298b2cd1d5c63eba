import { expect } from 'chai';
import { nearest } from '../src/index.js';

describe('nearest', () => {
  const cases = [
    { word: 'sevre', candidates: ['serve', 'demo'], expected: 'serve' },
    { word: 'x', candidates: ['serve', 'demo'], expected: undefined },
  ];
  for (const { word, candidates, expected } of cases) {
    it(`'${word}' is nearest to ${expected ?? 'nothing'}`, () =>
      expect(nearest(word, candidates)).to.equal(expected));
  }
});
