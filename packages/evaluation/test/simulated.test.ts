import { join } from 'node:path';
import { type Objective, objectiveNode, type Percentile, readObjective, type Window } from '@sage/core';
import { loadTopology } from '@sage/simulator';
import { expect } from 'chai';
import { evaluate } from '../src/evaluate.js';
import { sageMethod } from '../src/methods/sage.js';
import type { Suite } from '../src/observed.js';
import { type SimulatedOptions, simulatedSuite } from '../src/suites/simulated.js';
import { objectivesOf, worstOf } from '../src/suites/simulated-objectives.js';
import { calmQuestions, questionDuring, rememberAll } from '../src/suites/simulated-questions.js';
import { isUndisturbed, planRun } from '../src/suites/simulated-world.js';
import { SMALL, TIERS } from './small-world.js';
import { messageOf, plant } from './tree.js';

const root = plant({ 'small.json': SMALL });
const OPTIONS: SimulatedOptions = {
  seed: 1,
  topology: join(root, 'small.json'),
  faults: 2,
  trainWindows: 40,
  windowSeconds: 5,
  kinds: ['network'],
  concurrent: 1,
  replicas: 1,
  requestsPerSecond: 30,
  sampling: 1,
  uninstrumented: 0,
  calmTraining: true,
  calibrationFaults: 4,
  nowMs: () => 0,
  progress: () => undefined,
};

const A = { name: 'a', service: 'front', operation: 'GET /a', percentile: 'p95Ms', thresholdMs: 10 } as const;
const B = { ...A, name: 'b', operation: 'GET /b', thresholdMs: 100 } as const;

/** Windows of a second; one character each: `a`, `b` break that objective, `c` both, b more; `-` saw nothing. */
function windowsOf(timeline: string, count = 200): Window[] {
  const watched = [
    [A, 'ac', 11],
    [B, 'bc', 130],
  ] as const;
  return [...timeline].map((sign, index) => ({
    startMs: 1000 * index,
    endMs: 1000 * index + 1000,
    latency: new Map(
      (sign === '-' ? [] : watched).map(([objective, signs, brokenMs]) => {
        const ms = signs.includes(sign) ? brokenMs : 5;
        return [objectiveNode(objective), { p50Ms: ms, p95Ms: ms, p99Ms: ms, count }];
      }),
    ),
    metrics: new Map(),
  }));
}

describe('what a simulated application is asked about', () => {
  const during: readonly (readonly [
    timeline: string,
    asked: number,
    objective: Objective,
    broken: boolean,
  ])[] = [
    ['..aab.', 2, A, true],
    ['...bc.', 3, B, true],
    ['...ca.', 3, B, true],
    ['a....b', 4, A, false],
    ['-----.', 4, A, false],
  ];
  for (const [timeline, asked, objective, broken] of during) {
    it(`${timeline}: window ${asked}, objective ${objective.name}`, () => {
      const windows = windowsOf(timeline);
      // The first and the last window stick out of the time.
      const question = questionDuring({ startMs: 500, endMs: 5500 }, windows, [A, B]);
      expect(question?.window).to.equal(windows[asked]);
      expect(question?.objective).to.equal(objective);
      expect((question?.ratio ?? 0) > 1).to.equal(broken);
    });
  }

  it('nothing where no window is', () => {
    expect(questionDuring({ startMs: 500, endMs: 1400 }, windowsOf('aaa'), [A])).to.equal(undefined);
  });

  it('of calm windows what breaks an objective, and now and then another', () => {
    const asked = calmQuestions(windowsOf('..a....-..b.'), [A, B], 4);
    expect(asked.map(({ window }) => window.startMs / 1000)).to.deep.equal([2, 3, 7, 10, 11]);
  });

  it('with a past that is in an incident while any objective is broken', () => {
    const marks = rememberAll(windowsOf('.aabb..bb...'), [A, B]).map(({ inIncident, opens }) =>
      opens ? 'o' : inIncident ? 'i' : '.',
    );
    expect(marks.join('')).to.equal('..oioii.oii.');
  });

  const percentiles: readonly (readonly [count: number, percentile: Percentile | undefined])[] = [
    [500, 'p99Ms'],
    [499, 'p95Ms'],
    [100, 'p95Ms'],
    [10, 'p50Ms'],
    [9, undefined],
  ];
  for (const [count, percentile] of percentiles) {
    it(`${count} calls in a window support ${percentile ?? 'no objective'}`, () => {
      const entry = { ...A, operation: 'GET /' };
      const calm = windowsOf('........', count).map((window) => ({
        ...window,
        latency: new Map(
          [...window.latency.values()].slice(0, 1).map((stats) => [objectiveNode(entry), stats]),
        ),
      }));
      const [objective] = objectivesOf(loadTopology(OPTIONS.topology), calm);
      expect(objective?.percentile).to.equal(percentile);
      if (objective !== undefined) expect(objective.thresholdMs).to.be.closeTo(6, 1e-9);
    });
  }

  it('the objective with the least to spare where none is broken', () => {
    const [window] = windowsOf('.') as [Window];
    expect(worstOf(window, [B, A])).to.deep.equal({ objective: A, ratio: 0.5 });
  });
});

describe('a simulated run', () => {
  it('warms up, is calm, and lets every case recover', () => {
    const plan = planRun({ ...OPTIONS, faults: 3, trainWindows: 400, windowSeconds: 30 });
    expect([plan.trainStartMs, plan.trainEndMs, plan.calmEndMs]).to.deep.equal([
      60_000, 12_060_000, 13_560_000,
    ]);
    const times = plan.cases.flatMap(({ startMs, endMs }) => [startMs, endMs]);
    expect(times.map((ms) => (ms - plan.calmEndMs) / 30_000)).to.deep.equal([
      4.5, 7.5, 12.5, 15.5, 20.5, 23.5,
    ]);
  });

  it('has disturbances in the training alone, or none; windows about one are no measure of an objective', () => {
    const options = { ...OPTIONS, faults: 3, trainWindows: 400, windowSeconds: 30 };
    const calm = planRun(options);
    expect(calm.disturbances).to.deep.equal([]);
    const plan = planRun({ ...options, calmTraining: false });
    expect(plan.cases).to.deep.equal(calm.cases);
    expect(plan.disturbances.length).to.be.above(10);
    for (const { startMs, endMs } of plan.disturbances) {
      expect(startMs).to.be.at.least(plan.trainStartMs);
      expect(endMs).to.be.below(plan.trainEndMs);
      const windowFrom = (fromMs: number) => ({ startMs: fromMs, endMs: fromMs + plan.windowMs });
      expect(isUndisturbed(windowFrom(startMs - 1), plan)).to.equal(false);
      expect(isUndisturbed(windowFrom(endMs + plan.windowMs - 1), plan)).to.equal(false);
    }
    expect(isUndisturbed({ startMs: plan.trainEndMs, endMs: plan.calmEndMs }, plan)).to.equal(true);
  });

  const refused: readonly (readonly [Partial<SimulatedOptions>, string])[] = [
    [{ topology: 'chian' }, 'chian: $: neither one of social-network, media, hotel, chain, fanout nor'],
    [{ topology: 'chian' }, '; did you mean chain?'],
    [{ kinds: ['cpu', 'memroy'] }, "there is no kind of fault 'memroy'; those are cpu, memory, disk"],
    [{ kinds: ['memroy'] }, '; did you mean memory?'],
    [{ kinds: ['disk'] }, 'no service of "small" can have a fault of disk'],
    [{ kinds: ['replica'] }, 'no service of "small" can have a fault of bad-replica'],
    [{ concurrent: 4 }, 'too few services of "small" for 4 faults at a time'],
    [{ trainWindows: 19 }, 'training takes at least 20 windows, not 19'],
    [{ trainWindows: 20, requestsPerSecond: 0.1 }, 'no root operation has calls enough in windows of 5 s'],
  ];
  for (const [change, expected] of refused) {
    it(`is refused: ${expected}`, async () => {
      const message = await messageOf(root, () => simulatedSuite({ ...OPTIONS, ...change }));
      expect(message)
        .to.match(/^DataError: /)
        .and.contain(expected);
    });
  }

  describe('of three tiers', () => {
    let suite: Suite;
    before(async function () {
      this.timeout(120_000);
      suite = await simulatedSuite(OPTIONS);
    });

    it('asks about each fault in its time, with what came before', () => {
      const plan = planRun(OPTIONS);
      const asked = suite.cases.filter(({ kind }) => kind !== 'undisturbed');
      expect(asked.map(({ id }) => id)).to.deep.equal(['case-0/network-delay', 'case-1/network-loss']);
      for (const [index, { observed }] of asked.entries()) {
        const fault = plan.cases[index];
        expect(observed.window.startMs).to.be.at.least(fault?.startMs ?? Number.NaN);
        expect(observed.window.endMs).to.be.at.most(fault?.endMs ?? Number.NaN);
        expect(observed.history.length).to.be.greaterThan(80);
        expect(Math.max(...observed.history.map(({ endMs }) => endMs))).to.equal(observed.window.startMs);
        expect(observed.window.metrics.get('back')?.has('network_probe_ms')).to.equal(true);
      }
      expect(asked[0]?.kind).to.equal('network-delay');
      expect(asked[0]?.truth()).to.deep.equal([
        { service: plan.cases[0]?.faults[0]?.service, resource: 'network' },
      ]);
      expect(suite.cases.filter(({ kind }) => kind === 'undisturbed').length).to.be.within(8, 12);
      expect(suite.trainings.map(({ windows }) => windows)).to.deep.equal([40]);
    });

    it('has a labelled run of its own to calibrate on, with other faults', async function () {
      this.timeout(120_000);
      const calibration = await suite.calibration?.();
      expect(await suite.calibration?.()).to.equal(calibration);
      const { cases = [], windows = [] } = calibration ?? {};
      const faults = cases.filter(({ kind }) => kind !== 'undisturbed');
      expect(faults.length).to.equal(OPTIONS.calibrationFaults);
      const asked = new Set(suite.cases.map(({ observed }) => observed.window));
      expect(cases.some(({ observed }) => asked.has(observed.window))).to.equal(false);
      const [objective] = cases.map(({ observed }) => observed.objective);
      for (const { window, truth, queueDepths } of windows) {
        expect(queueDepths.services).to.deep.equal(TIERS);
        expect(queueDepths.seconds.map(({ length }) => length)).to.deep.equal([3, 3, 3, 3, 3]);
        if (truth.length > 0) expect(readObjective(objective as Objective, window).broken).to.equal(true);
      }
      // Where a culprit was asked about, its window is labelled with it.
      const guilty = faults.filter((item) => item.truth().length > 0);
      expect(guilty.length).to.be.above(0);
      for (const { observed, truth } of guilty) {
        const labelled = windows.find(({ window }) => window === observed.window);
        expect(labelled?.truth).to.deep.equal(truth());
      }
    });

    it('is the same again with the same seed, and answered the same, whether or not queues are recorded', async function () {
      this.timeout(120_000);
      const options = { seed: 1, nowMs: () => 0, progress: () => undefined };
      const answers = async (asked: Suite) => (await evaluate(asked, sageMethod('sage'), options)).cases;
      const first = await answers(suite);
      expect(first.find(({ kind }) => kind === 'network-delay')?.ranked[0]).to.include({
        ...suite.cases.find(({ kind }) => kind === 'network-delay')?.truth()[0],
      });
      const again = await simulatedSuite({ ...OPTIONS, calibrationFaults: 0 });
      expect(suite.cases.map(({ observed }) => observed.queueDepths?.seconds.length)).to.include(5);
      expect(again.cases.map(({ observed }) => observed.queueDepths)).to.deep.equal(
        suite.cases.map(() => undefined),
      );
      expect(again.notes).to.deep.equal(suite.notes);
      expect(await answers(again)).to.deep.equal(first);
    });
  });
});
