import { expect } from 'chai';
import { causeInfer, causeInferMethod } from '../src/methods/causeinfer.js';
import { microscope, microscopeMethod } from '../src/methods/microscope.js';
import { asked, evidenceOf, labelled, type Reading, type Tier } from './three-tiers.js';

const PARAMETERS = { alpha: 0.05, bins: 3 };
const SLOW = { ownMs: 60 };
const NO_CPU = { ...SLOW, cpu_runqueue_wait_ratio: 2 };
const options = { rng: evidenceOf({}).rng, progress: () => undefined };

describe('CauseInfer', () => {
  const CASES: readonly (readonly [
    what: string,
    change: Partial<Record<Tier, Partial<Reading>>>,
    expected: readonly (readonly [string, string | null])[],
  ])[] = [
    ['the metric that has no cause', { back: NO_CPU }, [['back', 'cpu']]],
    ['a service on the way whose callee is well', { middle: NO_CPU }, [['middle', 'cpu']]],
    [
      'no metric that the latency does not follow',
      { back: { ...NO_CPU, memory_pressure_ratio: 3 } },
      [['back', 'cpu']],
    ],
    [
      'no metric of a service that is well',
      { back: NO_CPU, front: { memory_pressure_ratio: 3 } },
      [['back', 'cpu']],
    ],
    ['the service where no metric tells', { middle: SLOW }, [['middle', null]]],
  ];
  for (const [what, change, expected] of CASES) {
    it(`blames ${what}`, () => {
      const { ranked, verdict } = causeInfer(PARAMETERS)(evidenceOf(change));
      expect(verdict).to.equal('culprits');
      expect(ranked.map(({ service, resource }) => [service, resource])).to.deep.equal(expected);
    });
  }

  it('is silent while the objective is kept', () => {
    const { verdict } = causeInfer(PARAMETERS)(evidenceOf({ back: { cpu_runqueue_wait_ratio: 2 } }));
    expect(verdict).to.equal('no-violation');
  });
});

describe('Microscope', () => {
  for (const [tier, expected] of [
    ['back', 'back'],
    ['middle', 'middle'],
    ['front', 'front'],
  ] as const) {
    it(`blames ${expected}, the last slow one on the way down`, () => {
      const { ranked } = microscope(PARAMETERS)(evidenceOf({ [tier]: SLOW }));
      expect(ranked.map(({ service }) => service)).to.deep.equal([expected]);
      expect(ranked[0]?.resource).to.equal(null);
    });
  }

  it('is silent while the objective is kept', () => {
    expect(microscope(PARAMETERS)(evidenceOf({ back: { ownMs: 15 } })).verdict).to.equal('no-violation');
  });
});

describe('methods with a learnt graph', () => {
  for (const method of [causeInferMethod, microscopeMethod]) {
    it(`${method.name} takes its parameters from labelled runs, and does without them`, async () => {
      const observed = asked(evidenceOf({ back: NO_CPU }));
      const cases = [2, 3].map((seed) =>
        labelled(evidenceOf({ middle: NO_CPU }, seed), [{ service: 'middle', resource: 'cpu' }]),
      );
      for (const calibration of [undefined, { cases, windows: [] }]) {
        const ready = await method.prepare(calibration, options);
        expect(ready?.answer(observed).ranked[0]?.service).to.equal('back');
      }
    }).timeout(20_000);
  }
});
