import type { Culprit, ObjectiveReading, Verdict } from '@sage/core';
import { expect } from 'chai';
import {
  cleanWindows,
  comesBack,
  type Judgement,
  judgeOutcome,
  morePatience,
  predictionError,
  releaseDue,
} from '../src/index.js';

const THRESHOLD = 100;
/** NaN stands for a window without a request. */
const reading = (ms: number): ObjectiveReading => ({
  observedMs: Number.isNaN(ms) ? undefined : ms,
  requestsPerSecond: Number.isNaN(ms) ? 0 : 50,
  broken: ms > THRESHOLD,
});
const NONE = Number.NaN;

describe('judgeOutcome', () => {
  const CASES: readonly [name: string, before: number, after: readonly number[], judgement: Judgement][] = [
    ['nothing seen yet', 300, [], 'wait'],
    ['one window is too few, even a good one', 300, [80], 'wait'],
    ['windows without requests say nothing', 300, [NONE, 80, NONE], 'wait'],
    ['both good', 300, [80, 70], 'keep'],
    ['good by the second', 300, [180, 70], 'keep'],
    ['good, then broken again', 300, [80, 300], 'climb'],
    ['still broken', 300, [290, 310], 'climb'],
    ['better but not enough', 300, [200, 150], 'climb'],
    ['exactly the threshold is met', 300, [200, 100], 'keep'],
    ['clearly worse in both', 300, [400, 380], 'undo'],
    ['worse in one only', 300, [400, 320], 'climb'],
    ['worse than an unknown before', NONE, [400, 400], 'climb'],
    ['only the last two count', 300, [80, 80, 380, 400], 'undo'],
  ];
  for (const [name, before, after, judgement] of CASES) {
    it(`${name}: ${judgement}`, () => {
      expect(judgeOutcome(reading(before), after.map(reading))).to.equal(judgement);
    });
  }
});

describe('release', () => {
  const good = (count: number) => Array.from({ length: count }, () => 80);
  const CASES: readonly [name: string, readings: readonly number[], clean: number, due: boolean][] = [
    ['no window', [], 0, false],
    ['nine clean', [300, ...good(9)], 9, false],
    ['ten clean', [300, ...good(10)], 10, true],
    ['a broken one begins again', [...good(10), 300, ...good(3)], 3, false],
    ['silence neither counts nor interrupts', [300, ...good(5), NONE, ...good(5)], 10, true],
    ['all clean', good(12), 12, true],
    ['the newest is broken', [...good(12), 300], 0, false],
  ];
  for (const [name, readings, clean, due] of CASES) {
    it(name, () => {
      const count = cleanWindows(readings.map(reading));
      expect(count).to.equal(clean);
      expect(releaseDue(count)).to.equal(due);
    });
  }

  it('waits longer for what had to come back, up to eight times', () => {
    const patience = [1, 2, 3, 4].reduce<number[]>((list) => [...list, morePatience(list.at(-1) ?? 0)], [1]);
    expect(patience).to.deep.equal([1, 2, 4, 8, 8]);
    expect(releaseDue(19, 2)).to.equal(false);
    expect(releaseDue(20, 2)).to.equal(true);
  });
});

describe('what was released', () => {
  const CART = { service: 'cart', resource: 'cpu' } as const;
  const CASES: readonly [name: string, verdict: Verdict, blamed: readonly string[], back: boolean][] = [
    ['it is to blame', 'culprits', ['cart'], true],
    ['it and another', 'culprits', ['db', 'cart'], true],
    ['others alone', 'culprits', ['db', 'front'], false],
    ['the load', 'workload', [], true],
    ['nobody knows', 'undetermined', [], true],
    ['nothing is wrong', 'no-violation', [], true],
  ];
  for (const [name, verdict, blamed, back] of CASES) {
    it(`${back ? 'comes back' : 'stays released'}: ${name}`, () => {
      const culprits = blamed.map(
        (service): Culprit => ({
          ...{ service, resource: 'cpu', probability: 0.9, share: 1, effectMs: 10, evidence: [] },
        }),
      );
      expect(comesBack(CART, { verdict, culprits }, [])).to.equal(back);
    });
  }

  it('comes back: there is no diagnosis', () => {
    expect(comesBack(CART, undefined, [])).to.equal(true);
  });

  describe('with nobody to blame', () => {
    const TIMES: readonly [name: string, since: readonly number[], back: boolean][] = [
      ['the first window was broken', [300], true],
      ['the second was', [80, 300], true],
      ['two held before it broke', [80, 80, 300], false],
      ['two held, and no whole window since', [80, 80], false],
      ['of two that held one saw no request', [80, NONE, 300], true],
    ];
    for (const [name, since, back] of TIMES) {
      it(`${back ? 'comes back' : 'stays released'}: ${name}`, () => {
        const unknown = { verdict: 'undetermined', culprits: [] } as const;
        expect(comesBack(CART, unknown, since.map(reading))).to.equal(back);
      });
    }
  });

  for (const [resource, back] of [
    ['cpu', true],
    ['disk', false],
  ] as const) {
    it(`${back ? 'comes back, however long it held' : 'stays released'}: it is to blame for want of ${resource}`, () => {
      const culprit: Culprit = {
        ...{ service: 'cart', resource, probability: 0.9, share: 1, effectMs: 10, evidence: [] },
      };
      const since = [80, 80, 80, 300].map(reading);
      expect(comesBack(CART, { verdict: 'culprits', culprits: [culprit] }, since)).to.equal(back);
    });
  }
});

describe('predictionError', () => {
  const CASES: readonly [expected: number | undefined, observed: number, error: number | undefined][] = [
    [100, 100, 0],
    [100, 150, 0.5],
    [100, 50, 0.5],
    [undefined, 100, undefined],
    [0, 100, undefined],
    [Number.NaN, 100, undefined],
  ];
  for (const [expected, observed, error] of CASES) {
    it(`${expected} expected, ${observed} observed: ${error}`, () => {
      expect(predictionError(expected, observed)).to.equal(error);
    });
  }
});
