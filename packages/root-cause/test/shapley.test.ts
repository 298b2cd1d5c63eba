import { expect } from 'chai';
import { shapley } from '../src/shapley.js';

describe('shapley', () => {
  const has = (set: readonly string[], ...members: string[]) => members.every((m) => set.includes(m));
  const CASES: readonly [
    name: string,
    players: readonly string[],
    worth: (set: readonly string[]) => number,
    values: readonly number[],
  ][] = [
    ['nobody', [], () => 0, []],
    ['one player gets all', ['a'], (set) => 7 * set.length, [7]],
    ['additive worths', ['a', 'b'], (set) => (has(set, 'a') ? 3 : 0) + (has(set, 'b') ? 1 : 0), [3, 1]],
    ['only together', ['a', 'b'], (set) => (has(set, 'a', 'b') ? 6 : 0), [3, 3]],
    [
      'the glove game',
      ['left', 'right', 'right too'],
      (set) => (has(set, 'left') && set.length > 1 ? 6 : 0),
      [4, 1, 1],
    ],
  ];
  for (const [name, players, worth, values] of CASES) {
    it(name, () => {
      const found = shapley(players, worth);
      expect(found).to.have.length(values.length);
      values.forEach((value, i) => {
        expect(found[i]).to.be.closeTo(value, 1e-9);
      });
    });
  }
});
