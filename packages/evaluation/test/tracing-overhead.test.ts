import { failure, success } from '@sage/core';
import { expect } from 'chai';
import type { LiveApplication, TracedBy } from '../src/experiments/live-application.js';
import { overheadsOf } from '../src/experiments/overhead-ratios.js';
import { conditionsOf, type Drive, measureOverhead } from '../src/experiments/overhead-rounds.js';
import type { StepContext } from '../src/experiments/step.js';
import { tracingOverhead } from '../src/experiments/tracing-overhead.js';
import { comparisonCells } from '../src/report/comparison-words.js';
import { pacedApplication } from './paced-application.js';
import { tinySizes } from './small-world.js';
import { messageOf } from './tree.js';

const sizes = tinySizes();
const { overhead } = sizes;
const SAGE_1: TracedBy = { sampling: 0.01, receiver: 'sage' };
/** Before the first round: both kinds, both receivers, and what the plain one does at most. */
const WARM_UP = 4;

const even = () => ({ latencyMs: 10, throughputPerSecond: 80, cpuMsPerRequest: 2 });

function contextWith(startApplication: StepContext['startApplication'], seed = 3): StepContext {
  return { seed, nowMs: () => 0, progress: () => undefined, memoryBytes: () => 0, startApplication };
}

function drive(round: number, tracedBy: TracedBy | null, figures: Partial<Drive>): Drive {
  return {
    ...{ round, tracedBy, p50Ms: 1, p99Ms: 1, throughputPerSecond: 1, cpuMsPerRequest: 1 },
    ...{ receiverCpuMsPerRequest: 0, answered: 1, requests: 1, failed: 0 },
    ...figures,
  };
}

describe('rounds of the live application', () => {
  it('have every condition once each, at half of what it does at most', async () => {
    const paced = pacedApplication(even);
    const { drives, requestsPerSecond } = await measureOverhead(overhead, contextWith(paced.start));
    expect(requestsPerSecond).to.equal(40);
    for (let round = 0; round < overhead.rounds; round++) {
      const own = drives.filter((item) => item.round === round).map(({ tracedBy }) => tracedBy ?? undefined);
      expect(own).to.have.deep.members([...conditionsOf(overhead)]);
    }
    expect(drives[0]).to.include({ p50Ms: 10, p99Ms: 10, throughputPerSecond: 80, cpuMsPerRequest: 2 });
    expect(paced.timesClosed()).to.equal(1);
  });

  it('are in an order drawn from the seed, the same arrivals for all of a round', async () => {
    const orders = await Promise.all(
      [3, 3, 4].map(async (seed) => {
        const paced = pacedApplication(even);
        await measureOverhead(overhead, contextWith(paced.start, seed));
        return { driven: paced.driven.slice(WARM_UP), seeds: paced.seeds.slice(WARM_UP) };
      }),
    );
    const [first, again, other] = orders;
    expect(again).to.deep.equal(first);
    expect(other?.driven).not.to.deep.equal(first?.driven);
    expect(new Set(first?.seeds.slice(0, conditionsOf(overhead).length)).size).to.equal(1);
    expect(new Set(first?.seeds).size).to.equal(overhead.rounds);
  });

  const broken: LiveApplication = {
    drive: async () => failure('broken', 'rate ended with SIGKILL'),
    close: async () => undefined,
  };
  const refused: readonly (readonly [string, StepContext['startApplication'], RegExp])[] = [
    ['there is none', undefined, /^DataError: there is no application here/],
    [
      'it does not start',
      async () => failure('start', 'no port is free'),
      /^DataError: .*: no port is free$/,
    ],
    ['it breaks', async () => success(broken), /^DataError: .*: rate ended with SIGKILL$/],
    [
      'it answers nothing',
      pacedApplication(() => ({ latencyMs: 1, throughputPerSecond: 0, cpuMsPerRequest: 1 })).start,
      /^DataError: the application answered none of 200 requests$/,
    ],
  ];
  for (const [what, start, message] of refused) {
    it(`are refused where ${what}`, async () => {
      expect(await messageOf('\0', () => measureOverhead(overhead, contextWith(start)))).to.match(message);
    });
  }

  it('leave no application running where one breaks', async () => {
    let closed = 0;
    const close = async () => {
      closed += 1;
    };
    const start = async () => success({ ...broken, close });
    await messageOf('\0', () => measureOverhead(overhead, contextWith(start)));
    expect(closed).to.equal(1);
  });
});

describe('the overhead of tracing', () => {
  it('is the median of what each round gives beside its own stretch without instrumentation', () => {
    const drives = [10, 20, 40].flatMap((plainMs, round) => [
      drive(round, null, { p99Ms: plainMs, throughputPerSecond: 100 }),
      // +10 %, +20 %, +10 %; a machine that is twice as slow in the next round is no part of it.
      drive(round, SAGE_1, { p99Ms: [11, 24, 44][round] as number, throughputPerSecond: 90 }),
    ]);
    const [found] = overheadsOf(drives, [SAGE_1], 1);
    expect(found?.changes.p99Ms.value).to.be.closeTo(0.1, 1e-9);
    expect(found?.changes.p99Ms.interval[0]).to.be.closeTo(0.1, 1e-9);
    expect(found?.changes.p99Ms.interval[1]).to.be.closeTo(0.2, 1e-9);
    expect(found?.changes.throughputPerSecond.value).to.be.closeTo(-0.1, 1e-9);
    expect(found?.changes.cpuMsPerRequest).to.deep.equal({ value: 0, interval: [0, 0] });
  });

  it('is said of no condition that was not driven', () => {
    expect(overheadsOf([drive(0, null, {})], [SAGE_1], 1)).to.deep.equal([]);
  });

  const sectionOf = async (paceOf: Parameters<typeof pacedApplication>[0]) => {
    const [step] = tracingOverhead.steps(sizes, {});
    if (step === undefined) expect.fail('no step');
    const result = await step.run(contextWith(pacedApplication(paceOf).start));
    const record = { ...step, seed: 3, startedAt: '', seconds: 1, result };
    const versions = { sage: '', code: '', node: '', backend: '', platform: '' };
    return tracingOverhead.section([{ ...record, versions }], { seed: 3, sizes, data: {} });
  };

  it('stands beside the paper’s, worse where it is', async () => {
    const { comparisons, blocks } = await sectionOf((tracedBy) => ({
      ...even(),
      latencyMs: tracedBy === undefined ? 10 : 11,
      throughputPerSecond: tracedBy === undefined ? 80 : 79.9,
    }));
    expect(comparisons.map((item) => comparisonCells(item).slice(0, 3))).to.deep.equal([
      ['p99 latency with 1 % of requests traced', '+10.0 % (+10.0 to +10.0)', '+2.6 %'],
      ['Maximum throughput with 1 % of requests traced', '−0.1 % (−0.1 to −0.1)', '−0.66 %'],
    ]);
    expect(comparisons.map((item) => comparisonCells(item)[3]?.split(' (')[0])).to.deep.equal([
      'worse',
      'as good or better',
    ]);
    const [table] = blocks;
    expect(table?.kind === 'table' && table.rows.map(([name]) => name)).to.deep.equal([
      'not instrumented',
      '100 %, Sage attached',
      '1 %, Sage attached',
      '1 %, spans dropped',
    ]);
  });

  it('is not claimed where rounds cannot tell it from none', async () => {
    const { meaning } = await sectionOf((tracedBy, stretch) => ({
      ...even(),
      latencyMs: tracedBy === undefined ? 10 : 9 + (stretch % 3),
    }));
    expect(meaning).to.contain('Of p99 latency and maximum throughput these rounds cannot tell');
    expect(
      (
        await sectionOf((tracedBy) => ({
          ...even(),
          latencyMs: tracedBy ? 12 : 10,
          throughputPerSecond: tracedBy ? 70 : 80,
        }))
      ).meaning,
    ).not.to.contain('cannot tell');
  });

  it('is a first look where rounds are too few for an interval of 95 %', async () => {
    // Three values lie on the same side of the median of all with a probability of 2 × 1/8.
    expect((await sectionOf(even)).meaning).to.contain('holds the true median in 75 %');
  });

  it('is not measured where nothing was', () => {
    expect(tracingOverhead.section([], { seed: 3, sizes, data: {} }).meaning).to.equal('Not measured.');
  });
});
