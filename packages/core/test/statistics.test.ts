import { expect } from 'chai';
import {
  createRng,
  median,
  quantile,
  quantileOfSorted,
  robustScale,
  robustScaleInPlace,
  robustScaleOfSorted,
  TAIL_PROBABILITY,
  upperScaleInPlace,
  upperSpread,
} from '../src/index.js';

describe('statistics', () => {
  const quantiles = [
    { values: [3, 1, 2], q: 0.5, expected: 2 },
    { values: [1, 2, 3, 4], q: 0.5, expected: 2.5 },
    { values: [10, 20], q: 0.25, expected: 12.5 },
    { values: [5], q: 0.99, expected: 5 },
  ];
  for (const { values, q, expected } of quantiles) {
    it(`quantile ${q} of [${values}] is ${expected}`, () => expect(quantile(values, q)).to.equal(expected));
  }

  it('has no quantile of nothing', () => expect(median([])).to.be.NaN);

  it('selects what a sort has at its place', () => {
    const rng = createRng(5);
    for (let round = 0; round < 300; round++) {
      const length = 1 + rng.integer(40);
      // Few different ones, so that many are equal.
      const values = Float64Array.from({ length }, () => rng.integer(1 + (round % 30)) - 3);
      if (round % 7 === 0) values[rng.integer(length)] = Number.NaN;
      if (round % 11 === 0) values[rng.integer(length)] = Number.POSITIVE_INFINITY;
      const sorted = Float64Array.from(values).sort();
      const before = Float64Array.from(values);
      for (const q of [0, 0.25, 0.5, 0.75, 0.95, 1]) {
        expect(quantile(values, q)).to.deep.equal(quantileOfSorted(sorted, q));
      }
      const iqr = quantileOfSorted(sorted, 0.75) - quantileOfSorted(sorted, 0.25);
      const scale = robustScale(values, 0.1);
      expect(scale.center).to.deep.equal(quantileOfSorted(sorted, 0.5));
      expect(scale.spread).to.deep.equal(Math.max(0.7413 * iqr, 0.1));
      expect(values).to.deep.equal(before);
    }
  });

  it('scales by median and IQR, whatever one outlier does', () => {
    const calm = robustScale([1, 2, 3, 4, 5], 0.1);
    expect(calm).to.deep.equal({ center: 3, spread: 0.7413 * 2 });
    expect(robustScale([1, 2, 3, 4, 5000], 0.1)).to.deep.equal(calm);
  });

  it('never believes in less spread than the measurement resolves', () => {
    expect(robustScale([7, 7, 7], 0.5)).to.deep.equal({ center: 7, spread: 0.5 });
  });

  it('takes the upper tail of what comes in bursts for ordinary, and one outlier not', () => {
    const calm = Array.from({ length: 90 }, (_, i) => 0.01 * (i % 10));
    const upper = (values: readonly number[]) => upperScaleInPlace(Float64Array.from(values), 0.001);
    const burst = [...calm, ...Array.from({ length: 10 }, () => 1)];
    const { center, spread } = upper(burst);
    expect((1 - center) / spread).to.be.closeTo(1.645, 1e-9);
    expect((1 - center) / robustScale(burst, 0.001).spread).to.be.above(20);
    expect(upper([...calm, 1]).spread).to.be.below(1.2 * upper(calm).spread);
  });

  it('spreads a normal above its centre as its quartiles do', () => {
    const rng = createRng(5);
    const values = Float64Array.from({ length: 20_000 }, () => rng.normal());
    const scale = robustScaleInPlace(values.slice(), 0.1);
    expect(upperScaleInPlace(values, 0.1).spread).to.be.closeTo(scale.spread, 0.03);
  });

  it('reads the upper tail as of sorted numbers, whatever their number, ties and gaps', () => {
    const rng = createRng(6);
    for (let length = 0; length <= 60; length++) {
      const values = Float64Array.from({ length }, () => Math.round(3 * rng.normal()));
      if (length % 7 === 6) values[3] = Number.NaN;
      const sorted = values.slice().sort();
      const scale = robustScaleOfSorted(sorted, 0.1);
      const spread = upperSpread(scale, quantileOfSorted(sorted, TAIL_PROBABILITY));
      expect(upperScaleInPlace(values, 0.1), `${length}`).to.deep.equal({ center: scale.center, spread });
    }
  });
});
