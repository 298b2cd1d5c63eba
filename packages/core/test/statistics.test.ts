import { expect } from 'chai';
import { median, quantile, robustScale } from '../src/index.js';

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

  it('scales by median and IQR, whatever one outlier does', () => {
    const calm = robustScale([1, 2, 3, 4, 5], 0.1);
    expect(calm).to.deep.equal({ center: 3, spread: 0.7413 * 2 });
    expect(robustScale([1, 2, 3, 4, 5000], 0.1)).to.deep.equal(calm);
  });

  it('never believes in less spread than the measurement resolves', () => {
    expect(robustScale([7, 7, 7], 0.5)).to.deep.equal({ center: 7, spread: 0.5 });
  });
});
