import type { Diagnosis, Verdict } from '@sage/core';
import { expect } from 'chai';
import { standingDiagnosis } from '../src/index.js';
import { culpritOf, diagnosisOf } from './planning.js';

const of = (verdict: Verdict, ...blamed: readonly string[]): Diagnosis => ({
  ...diagnosisOf(culpritOf('cpu'), verdict),
  culprits: blamed.map((service) => culpritOf('cpu', { service })),
});

describe('standingDiagnosis', () => {
  const former = of('culprits', 'cart');
  /** Both are called by `cart`. */
  const flooded = new Set(['db', 'cache']);
  const CASES: readonly [what: string, latest: Diagnosis, stands: 'former' | 'latest' | 'neither'][] = [
    ['the same culprit', of('culprits', 'cart'), 'latest'],
    ['another one', of('culprits', 'front'), 'latest'],
    ['the load', of('workload'), 'latest'],
    ['nobody', of('undetermined'), 'former'],
    ['nothing', of('no-violation'), 'former'],
    ['who may only be flooded', of('culprits', 'db'), 'neither'],
    ['another and who may only be flooded', of('culprits', 'front', 'db'), 'neither'],
  ];
  for (const [what, latest, stands] of CASES) {
    it(`is ${stands} where the latest names ${what}`, () => {
      const expected = { former, latest, neither: undefined };
      expect(standingDiagnosis(former, latest, flooded)).to.equal(expected[stands]);
    });
  }

  it('is the latest one where that names again who is called by another that was helped', () => {
    const both = of('culprits', 'cart', 'db');
    const latest = of('culprits', 'db');
    expect(standingDiagnosis(both, latest, flooded)).to.equal(latest);
  });
});
