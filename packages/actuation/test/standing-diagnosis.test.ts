import type { Diagnosis, Verdict } from '@sage/core';
import { expect } from 'chai';
import { standingDiagnosis } from '../src/index.js';

const of = (verdict: Verdict): Diagnosis => ({
  ...{
    objective: 'hotels',
    verdict,
    windowStartMs: 0,
    windowEndMs: 30_000,
    observedMs: 200,
    thresholdMs: 100,
  },
  ...{ culprits: [], services: [], resources: [], victims: [], reason: '' },
});

describe('standingDiagnosis', () => {
  const former = of('culprits');
  const CASES: readonly [latest: Verdict | undefined, stands: 'former' | 'latest'][] = [
    ['culprits', 'latest'],
    ['workload', 'latest'],
    ['undetermined', 'former'],
    ['no-violation', 'former'],
    [undefined, 'former'],
  ];
  for (const [verdict, stands] of CASES) {
    it(`is the ${stands} one where the latest is ${verdict ?? 'not there'}`, () => {
      const latest = verdict && of(verdict);
      expect(standingDiagnosis(former, latest)).to.equal(stands === 'former' ? former : latest);
    });
  }
});
