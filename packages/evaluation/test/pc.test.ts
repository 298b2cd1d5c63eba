import { createRng } from '@sage/core';
import { expect } from 'chai';
import { type Discrete, discretise, independent } from '../src/methods/pc/independence.js';
import { pc } from '../src/methods/pc/pc.js';

/** Two variables of two levels by how often each pair of values occurs. */
function pairs(counts: readonly (readonly [number, number])[]): readonly [Discrete, Discrete] {
  const x: number[] = [];
  const y: number[] = [];
  counts.forEach((row, a) => {
    row.forEach((count, b) => {
      for (let i = 0; i < count; i++) {
        x.push(a);
        y.push(b);
      }
    });
  });
  return [
    { values: Uint8Array.from(x), levels: 2 },
    { values: Uint8Array.from(y), levels: 2 },
  ];
}

describe('the test of independence', () => {
  // G² = 2 (48 ln 1.2 + 32 ln 0.8) = 3.22 with one degree of freedom, between χ² of 0.90, 2.71, and of 0.95, 3.84.
  const TABLE = [
    [24, 16],
    [16, 24],
  ] as const;

  it('is G² against χ²', () => {
    const [x, y] = pairs(TABLE);
    expect(independent(x, y, [], 0.05)).to.equal(true);
    expect(independent(x, y, [], 0.1)).to.equal(false);
  });

  it('looks within the strata of what is given', () => {
    // Within each stratum the rows are proportional; together they are not.
    const [x, y] = pairs([
      [40, 10],
      [10, 40],
    ]);
    const given: Discrete = {
      values: Uint8Array.from([...Array(40).fill(0), ...Array(20).fill(1), ...Array(40).fill(2)]),
      levels: 3,
    };
    expect(independent(x, y, [], 0.01)).to.equal(false);
    // In the middle stratum x decides y: 2 · 20 ln 2 = 27.7 of three degrees of freedom.
    expect(independent(x, y, [given], 0.01)).to.equal(false);
    const parts: Discrete = { values: x.values, levels: 2 };
    expect(independent(x, y, [parts], 0.01)).to.equal(true);
  });

  it('does not tell from too few rows, and a constant is independent of all', () => {
    const [x, y] = pairs([
      [4, 0],
      [0, 4],
    ]);
    expect(independent(x, y, [], 0.05)).to.equal(undefined);
    expect(independent(discretise(new Float64Array(8), 3), y, [], 0.05)).to.equal(true);
  });

  it('takes bins of equally many values, ties together', () => {
    const { values, levels } = discretise(Float64Array.from([5, 1, 3, 2, 6, 4]), 3);
    expect([[...values], levels]).to.deep.equal([[2, 0, 1, 0, 2, 1], 3]);
    expect(discretise(Float64Array.from([0, 0, 0, 0, 0, 9]), 3).levels).to.equal(2);
  });
});

describe('PC', () => {
  const ROWS = 2000;
  const OPTIONS = { alpha: 0.001, mostGiven: 3 };
  const rng = createRng(3);
  const noise = () => Float64Array.from({ length: ROWS }, () => rng.normal());
  /** A weighted sum of the parents and as much noise again. */
  const childOf = (...parents: Float64Array[]) => {
    const own = noise();
    return own.map(
      (value, row) => 0.6 * value + parents.reduce((sum, parent) => sum + (parent[row] as number), 0),
    );
  };
  const parentsOf = (columns: readonly Float64Array[], options = OPTIONS) => {
    const graph = pc(
      columns.map((column) => discretise(column, 2)),
      options,
    );
    return columns.map((_, i) => graph.possibleParents(i));
  };

  it('directs a collider, and what follows of it', () => {
    const [a, b] = [noise(), noise()];
    const c = childOf(a, b);
    expect(parentsOf([a, b, c])).to.deep.equal([[], [], [0, 1]]);
  });

  it('leaves open what the data leave open, unless it is known', () => {
    const a = Uint8Array.from({ length: ROWS }, () => rng.integer(2));
    const flipped = (of: Uint8Array) => of.map((value) => (rng.uniform() < 0.1 ? 1 - value : value));
    const b = flipped(a);
    const columns = [a, b, flipped(b)].map((values) => ({ values, levels: 2 }));
    const open = pc(columns, OPTIONS);
    expect([0, 1, 2].map((i) => open.possibleParents(i))).to.deep.equal([[1], [0, 2], [1]]);
    // 0 → 1 is known; were 2 → 1, too, 1 would be a collider, and it is not: Meek's first rule.
    const known = pc(columns, { ...OPTIONS, known: (from, to) => from === 0 && to === 1 });
    expect([0, 1, 2].map((i) => known.possibleParents(i))).to.deep.equal([[], [0], [1]]);
  });
});
