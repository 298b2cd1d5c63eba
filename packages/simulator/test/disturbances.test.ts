import { createRng } from '@sage/core';
import { expect } from 'chai';
import { type DisturbancePlanOptions, type Fault, loadTopology, planDisturbances } from '../src/index.js';

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;

function plan(others: Partial<DisturbancePlanOptions> = {}): readonly Fault[] {
  const defaults = { startMs: 0, endMs: DAY_MS, meanMs: MINUTE_MS, share: 0.1, rng: createRng(3) };
  return planDisturbances(loadTopology('social-network'), { ...defaults, ...others });
}

describe('ordinary disturbances', () => {
  it('take about the share of the time that is asked for, one at a time', () => {
    const found = plan();
    const total = found.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
    expect(total / DAY_MS).to.be.within(0.07, 0.13);
    found.forEach(({ startMs, endMs }, index) => {
      expect(endMs - startMs).to.be.within(0.5 * MINUTE_MS, 1.5 * MINUTE_MS);
      expect(startMs).to.be.above(found[index - 1]?.endMs ?? 0);
      expect(endMs).to.be.at.most(DAY_MS);
    });
  });

  it('are of many kinds and services, mostly mild, and never a bug', () => {
    const found = plan();
    const kinds = new Set(found.map(({ kind }) => kind));
    expect([...kinds]).to.include.members(['cpu', 'disk', 'network-delay', 'pool', 'surge']);
    for (const bug of ['lock', 'leak', 'bad-replica', 'decoy'] as const)
      expect(kinds.has(bug)).to.equal(false);
    expect(new Set(found.map(({ service }) => service)).size).to.be.above(10);
    const mild = found.filter(({ intensity }) => intensity < 0.25).length;
    expect(mild / found.length).to.be.within(0.35, 0.65);
    expect(Math.max(...found.map(({ intensity }) => intensity))).to.be.within(0.8, 1);
  });

  it('are the same again for the same numbers, and others for others', () => {
    expect(plan()).to.deep.equal(plan());
    expect(plan({ rng: createRng(4) })).to.not.deep.equal(plan());
  });

  for (const share of [0, 1, -0.1, Number.NaN]) {
    it(`are refused for a share of ${share}`, () => {
      expect(() => plan({ share })).to.throw(RangeError, /between 0 and 1/);
    });
  }
});
