import { expect } from 'chai';
import { createRng, quantile } from '../src/index.js';

const draws = (n: number, draw: () => number) => Array.from({ length: n }, draw);

describe('createRng', () => {
  it('repeats itself from a seed and differs between seeds', () => {
    const first = createRng(7);
    const again = createRng(7);
    const other = createRng(8);
    const a = draws(20, first.uniform);
    expect(draws(20, again.uniform)).to.deep.equal(a);
    expect(draws(20, other.uniform)).to.not.deep.equal(a);
  });

  it('forks streams that depend on the seed and the name alone', () => {
    const rng = createRng(7);
    const before = rng.fork('load').uniform();
    rng.uniform();
    expect(rng.fork('load').uniform()).to.equal(before);
    expect(rng.fork('faults').uniform()).to.not.equal(before);
    expect(createRng(8).fork('load').uniform()).to.not.equal(before);
  });

  it('spreads the first draws of neighbouring seeds', () => {
    const first = Array.from({ length: 200 }, (_, seed) => createRng(seed).uniform());
    expect(first.reduce((sum, value) => sum + value, 0) / first.length).to.be.closeTo(0.5, 0.08);
    expect(new Set(first.map((value) => Math.floor(value * 10))).size).to.equal(10);
  });

  const shapes = [
    { name: 'uniform', draw: () => createRng(1).uniform, mean: 0.5, p95: 0.95 },
    { name: 'normal', draw: () => createRng(1).normal, mean: 0, p95: 1.645 },
    {
      name: 'exponential of mean 2',
      draw: () => {
        const rng = createRng(1);
        return () => rng.exponential(2);
      },
      mean: 2,
      p95: 5.99,
    },
  ];
  for (const shape of shapes) {
    it(`draws a ${shape.name} distribution`, () => {
      const values = draws(20_000, shape.draw());
      expect(values.reduce((sum, value) => sum + value, 0) / values.length).to.be.closeTo(shape.mean, 0.05);
      expect(quantile(values, 0.95)).to.be.closeTo(shape.p95, 0.15);
    });
  }

  it('picks and counts within bounds, and refuses to pick from nothing', () => {
    const rng = createRng(3);
    expect(new Set(draws(200, () => rng.integer(3)))).to.deep.equal(new Set([0, 1, 2]));
    expect(['a', 'b']).to.include(rng.pick(['a', 'b']));
    expect(() => rng.pick([])).to.throw('cannot pick from an empty list');
  });
});
