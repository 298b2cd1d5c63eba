import { expect } from 'chai';
import { autoscaleMethod } from '../src/methods/autoscale.js';
import { chooseThresholds, oracleMethod, usefulTogether } from '../src/methods/oracle.js';
import {
  asked,
  evidenceOf,
  labelled,
  labelledWindow,
  type Reading,
  type Tier,
  windowOf,
} from './three-tiers.js';

describe('an autoscaler', () => {
  const busy = (front: number, middle: number, back: number) =>
    evidenceOf({
      front: { cpu_host_busy_ratio: front },
      middle: { cpu_host_busy_ratio: middle },
      back: { cpu_host_busy_ratio: back },
    });
  const CASES: readonly (readonly [
    name: 'autoscale-strict' | 'autoscale-relax',
    busy: readonly [number, number, number],
    blamed: readonly Tier[],
  ])[] = [
    ['autoscale-strict', [0.4, 0.55, 0.8], ['back', 'middle']],
    ['autoscale-relax', [0.4, 0.55, 0.8], ['back']],
    ['autoscale-strict', [0.5, 0.5, 0.5], []],
    ['autoscale-relax', [0.4, 0.55, 0.7], []],
  ];
  for (const [name, shares, blamed] of CASES) {
    it(`${name} at ${shares.join(', ')} busy blames ${blamed.join(', ') || 'nobody'}`, () => {
      const answer = autoscaleMethod(name).answer(asked(busy(...shares)));
      expect(answer.blamed.map(({ service }) => service)).to.deep.equal(blamed);
      expect(answer.verdict).to.equal(blamed.length > 0 ? 'culprits' : 'undetermined');
      expect(answer.ranked.length).to.equal(3);
    });
  }

  it('says nothing of tiers whose utilisation it does not know', () => {
    expect(autoscaleMethod('autoscale-strict').answer(asked(evidenceOf({}))).ranked).to.deep.equal([]);
  });
});

describe('the offline oracle', () => {
  const reading = (wait: number, memory = 0.1): Reading => ({
    ownMs: 5,
    cpu_runqueue_wait_ratio: wait,
    memory_pressure_ratio: memory,
  });
  const rows = (waits: readonly number[], causes: readonly number[]) =>
    waits.map((wait, i) => {
      const window = windowOf(i, {
        front: reading(0.1),
        middle: reading(0.1),
        back: reading(wait, 0.01 * i),
      });
      return labelledWindow(window, causes.includes(i) ? { service: 'back', resource: 'cpu' } : undefined);
    });
  const of = (feature: string, windows: ReturnType<typeof rows>) =>
    chooseThresholds(windows).find((item) => item.service === 'back' && item.feature === feature);

  it('cuts in the middle of the gap where labels part cleanly', () => {
    const found = of('cpu_runqueue_wait_ratio', rows([0.1, 0.2, 0.6, 0.8], [2, 3]));
    expect(found?.value).to.be.closeTo(0.4, 1e-9);
    expect(found?.f1).to.equal(1);
  });

  it('takes the cut of the best F1 where they do not', () => {
    // From above: 0.9 is no cause (F1 0), 0.8 is (2/4), 0.6 is (4/5), 0.2 is none (4/6).
    const found = of('cpu_runqueue_wait_ratio', rows([0.2, 0.6, 0.8, 0.9], [1, 2]));
    expect(found?.value).to.be.closeTo(0.4, 1e-9);
    expect(found?.f1).to.be.closeTo(0.8, 1e-9);
  });

  it('holds what was never a cause to be none up to the largest value ever seen', () => {
    expect(of('memory_pressure_ratio', rows([0.1, 0.2, 0.6, 0.8], [2, 3]))).to.include({
      value: 0.03,
      f1: 0,
    });
  });

  it('uses of a tier the thresholds that are of use beside the better ones', () => {
    // cpu finds windows 2 and 3 alone; memory, cut below window 1, would only add a false one.
    const windows = rows([0.1, 0.2, 0.6, 0.8], [2, 3]);
    const cpu = { service: 'back', feature: 'cpu_runqueue_wait_ratio', value: 0.4, f1: 1 } as const;
    const memory = { service: 'back', feature: 'memory_pressure_ratio', value: 0.005, f1: 0.8 } as const;
    expect(usefulTogether([memory, cpu], windows)).to.deep.equal([cpu]);
    // Of two that each find one culprit both are kept: F1 2/3, then 1.
    const first = { ...cpu, value: 0.7, f1: 2 / 3 };
    const second = { ...memory, value: 0.015, f1: 0.5 };
    expect(usefulTogether([first, second], windows)).to.deep.equal([first, second]);
  });

  it('flags by what it learnt, the surest first, and needs labels', async () => {
    expect(await oracleMethod.prepare(undefined, options)).to.equal(undefined);
    const windows = rows([0.1, 0.2, 0.6, 0.8], [2, 3]);
    const ready = await oracleMethod.prepare({ cases: [labelled(evidenceOf({}), [])], windows }, options);
    const answer = ready?.answer(
      asked(evidenceOf({ front: reading(0.05), middle: reading(0.3), back: reading(0.5, 0) })),
    );
    expect(answer?.blamed).to.deep.equal([{ service: 'back', resource: 'cpu', probability: 1 }]);
    const calm = ready?.answer(
      asked(evidenceOf({ front: reading(0.05), middle: reading(0.05), back: reading(0.3, 0) })),
    );
    expect(calm?.verdict).to.equal('undetermined');
  });
});

const options = { rng: evidenceOf({}).rng, progress: () => undefined };
