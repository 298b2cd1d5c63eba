import type { Diagnosis } from '@sage/core';
import { expect } from 'chai';
import { isSureMeanwhile } from '../src/index.js';
import { culpritOf, diagnosisOf } from './planning.js';

const of = (...blamed: readonly (readonly [service: string, probability: number])[]): Diagnosis => ({
  ...diagnosisOf(culpritOf('cpu'), 'culprits'),
  culprits: blamed.map(([service, probability]) => culpritOf('cpu', { service, probability })),
});

describe('isSureMeanwhile', () => {
  const meanwhile = { helped: new Set(['cart']), flooded: new Set(['db']), minProbability: 0.7 };
  const CASES: readonly [what: string, diagnosis: Diagnosis, sure: boolean][] = [
    ['another one', of(['front', 0.9]), true],
    ['another beside who was helped', of(['cart', 0.9], ['front', 0.9]), true],
    ['two others, one of them surely', of(['front', 0.9], ['auth', 0.6]), true],
    ['who was helped', of(['cart', 0.9]), false],
    ['another, and not surely', of(['front', 0.6]), false],
    ['another, and not surely, beside who was helped', of(['cart', 0.9], ['front', 0.6]), false],
    ['who may only be flooded', of(['db', 0.9]), false],
    ['another and who may only be flooded', of(['front', 0.9], ['db', 0.9]), false],
    ['nobody', diagnosisOf(culpritOf('cpu'), 'undetermined'), false],
    ['the load', diagnosisOf(culpritOf('cpu'), 'workload'), false],
  ];
  for (const [what, diagnosis, sure] of CASES) {
    it(`is ${sure} of ${what}`, () => {
      expect(isSureMeanwhile(diagnosis, meanwhile)).to.equal(sure);
    });
  }

  it('is true of who is called by those that were helped and was helped, too, beside another', () => {
    const both = { ...meanwhile, helped: new Set(['cart', 'db']) };
    expect(isSureMeanwhile(of(['db', 0.9], ['front', 0.9]), both)).to.equal(true);
  });
});
