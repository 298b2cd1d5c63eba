import { median, milliseconds } from '@sage/core';
import { changeWords } from '../report/comparison-words.js';
import type { Comparison, PlotSpec } from '../report/section.js';
import type { Experiment } from './experiment.js';
import type { ReceiverKind, TracedBy } from './live-application.js';
import { type Change, drivesOf, type Figure, type Overhead, overheadsOf } from './overhead-ratios.js';
import { conditionsOf, type Drive, measureOverhead, type OverheadResult } from './overhead-rounds.js';

/** § 4: "with 1% sampling frequency, the tracing overhead is approximately 2.6% on the 99th percentile latency and 0.66% on the max throughput under QoS". */
const PAPER = { sampling: 0.01, p99: 0.026, throughput: -0.0066 };

/** In the order of table and plot. */
const FIGURES: Readonly<Record<'p99Ms' | 'throughputPerSecond' | 'cpuMsPerRequest', string>> = {
  p99Ms: 'p99 latency',
  throughputPerSecond: 'maximum throughput',
  cpuMsPerRequest: 'processor time a request',
};

const RECEIVERS: Readonly<Record<ReceiverKind, string>> = { sage: 'Sage attached', sink: 'spans dropped' };

/** What tracing costs a real application, with Sage attached and without, in stretches of load that take turns. */
export const tracingOverhead: Experiment<OverheadResult> = {
  id: 'tracing-overhead',
  title: 'What tracing costs a live application',
  steps: ({ overhead }) => [
    {
      id: 'tracing-overhead',
      options: overhead,
      packages: ['demo', 'engine', 'instrumentation'],
      alone: true,
      run: (context) => measureOverhead(overhead, context),
    },
  ],
  section: ([record], { seed, sizes: { overhead } }) => {
    const { id, title } = tracingOverhead;
    if (record === undefined) {
      return { id, title, meaning: 'Not measured.', comparisons: [], blocks: [] };
    }
    const { result } = record;
    const conditions = conditionsOf(overhead).filter((condition) => condition !== undefined);
    const overheads = overheadsOf(result.drives, conditions, seed);
    return {
      ...{ id, title },
      meaning: meaningOf(overheads, result),
      comparisons: comparisonsOf(overheads),
      blocks: [
        {
          kind: 'table',
          caption: `The hotel reservation of sage demo, 14 processes. Latency and processor time at ${result.requestsPerSecond.toFixed(0)} requests a second, which is half of what it does at most without instrumentation; throughput with ${overhead.connections} clients that never pause. Medians of ${overhead.rounds} rounds and of their ratios to the same round's stretch without instrumentation; in brackets what 95 % of resamplings of the rounds give.`,
          columns: ['traced', 'p99 latency', 'maximum throughput', 'processor time a request'],
          rows: [
            cellsOf('not instrumented', drivesOf(result.drives, null)),
            ...overheads.map(({ tracedBy, changes }) =>
              cellsOf(nameOf(tracedBy), drivesOf(result.drives, tracedBy), changes),
            ),
          ],
        },
        {
          kind: 'plot',
          name: tracingOverhead.id,
          caption:
            'Change against the application without instrumentation, in per cent. Lines: 95 % intervals; crosses: the paper’s.',
          spec: plotOf(overheads),
        },
      ],
    };
  },
};

function nameOf({ sampling, receiver }: TracedBy): string {
  return `${100 * sampling} %, ${RECEIVERS[receiver]}`;
}

function cellsOf(
  name: string,
  drives: readonly Drive[],
  changes?: Readonly<Record<Figure, Change>>,
): readonly string[] {
  const middle = (figure: Figure | 'receiverCpuMsPerRequest') => median(drives.map((drive) => drive[figure]));
  const cell = (figure: Figure, words: string) =>
    changes === undefined ? words : `${words}: ${wordsOf(changes[figure])}`;
  return [
    name,
    cell('p99Ms', milliseconds(middle('p99Ms'))),
    cell('throughputPerSecond', `${middle('throughputPerSecond').toFixed(0)}/s`),
    cell('cpuMsPerRequest', `${middle('cpuMsPerRequest').toFixed(2)} ms`),
  ];
}

function wordsOf({ value, interval }: Change): string {
  return changeWords(value, interval);
}

function comparisonsOf(overheads: readonly Overhead[]): Comparison[] {
  const found = overheadAt(overheads, { sampling: PAPER.sampling, receiver: 'sage' });
  if (found === undefined) return [];
  const { p99Ms, throughputPerSecond } = found.changes;
  return [
    {
      what: 'p99 latency with 1 % of requests traced',
      ours: p99Ms.value,
      interval: p99Ms.interval,
      paper: PAPER.p99,
      paperWords: '+2.6 %',
      better: 'lower',
      unit: 'change',
      caveat: 'ours shares its processors with Sage and with its clients',
    },
    {
      what: 'Maximum throughput with 1 % of requests traced',
      ours: throughputPerSecond.value,
      interval: throughputPerSecond.interval,
      paper: PAPER.throughput,
      paperWords: '−0.66 %',
      better: 'higher',
      unit: 'change',
      caveat: 'the paper’s within its objective, ours with all processors busy',
    },
  ];
}

function overheadAt(overheads: readonly Overhead[], { sampling, receiver }: TracedBy): Overhead | undefined {
  return overheads.find(({ tracedBy }) => tracedBy.sampling === sampling && tracedBy.receiver === receiver);
}

function meaningOf(overheads: readonly Overhead[], { drives, processors }: OverheadResult): string {
  const failed = drives.reduce((sum, drive) => sum + drive.failed, 0);
  const requests = drives.reduce((sum, drive) => sum + drive.requests, 0);
  const plainCpuMs = median(drivesOf(drives, null).map(({ cpuMsPerRequest }) => cpuMsPerRequest));
  return [
    ...attachedWords(overheads, drives),
    ...ownCostWords(overheads),
    `Application, client and Sage (receivers, windows, call graph and the watch over objectives; no model, which is learnt elsewhere) share ${processors} processors; in an installation Sage has its own. Spans dropped: a receiver that reads and forgets stands in for Sage, so that what is left is the cost of tracing itself.`,
    `A request of this application, which makes a dozen spans, takes ${plainCpuMs.toFixed(1)} ms of processor time in all without instrumentation: what is done for each call weighs more here than where services have more to do.`,
    `Of ${requests} requests ${failed} failed.`,
    ...fewRoundsWords(new Set(drives.map(({ round }) => round)).size),
  ].join(' ');
}

function attachedWords(overheads: readonly Overhead[], drives: readonly Drive[]): string[] {
  return [1, PAPER.sampling].flatMap((sampling) => {
    const found = overheadAt(overheads, { sampling, receiver: 'sage' });
    if (found === undefined) return [];
    const { p99Ms, throughputPerSecond } = found.changes;
    const sageMs = median(drivesOf(drives, found.tracedBy).map((drive) => drive.receiverCpuMsPerRequest));
    return [
      `With ${100 * sampling} % of requests traced and Sage attached, p99 latency changes by ${wordsOf(p99Ms)} and maximum throughput by ${wordsOf(throughputPerSecond)}; Sage takes ${sageMs.toFixed(2)} ms of processor time for each request of the application.`,
      ...doubtWords({ 'p99 latency': p99Ms, 'maximum throughput': throughputPerSecond }),
    ];
  });
}

/** The range of n values holds the median of all with a probability of 1 − 2^(1 − n), which is below 95 % up to n = 5. */
function fewRoundsWords(rounds: number): string[] {
  const coverage = 1 - 2 ** (1 - rounds);
  return coverage >= 0.95
    ? []
    : [
        `In ${rounds} rounds the brackets can be no more than the range of what they gave, which holds the true median in ${(100 * coverage).toFixed(0)} % of such measurements and not in 95 %: a first look.`,
      ];
}

/** What has 0 in its interval. */
function doubtWords(changes: Readonly<Record<string, Change>>): string[] {
  const unclear = Object.entries(changes)
    .filter(([, { interval }]) => interval[0] <= 0 && interval[1] >= 0)
    .map(([name]) => name);
  return unclear.length === 0
    ? []
    : [`Of ${unclear.join(' and ')} these rounds cannot tell that it changes at all.`];
}

/** Processor time varies least of all figures, and is the application's alone. */
function ownCostWords(overheads: readonly Overhead[]): string[] {
  const [sage, dropped] = (['sage', 'sink'] as const).map((receiver) =>
    overheadAt(overheads, { sampling: PAPER.sampling, receiver }),
  );
  if (sage === undefined || dropped === undefined) return [];
  return [
    `At ${100 * PAPER.sampling} % the application's own processor time for a request changes by ${wordsOf(sage.changes.cpuMsPerRequest)} with Sage attached and by ${wordsOf(dropped.changes.cpuMsPerRequest)} with spans dropped.`,
  ];
}

function plotOf(overheads: readonly Overhead[]): PlotSpec {
  const conditions = overheads.map(({ tracedBy }) => nameOf(tracedBy));
  const measured = overheads.flatMap(({ tracedBy, changes }) =>
    Object.entries(FIGURES).map(([figure, title]) => {
      const { value, interval } = changes[figure as keyof typeof FIGURES];
      const [low, high] = interval;
      return { condition: nameOf(tracedBy), title, value, low, high, by: RECEIVERS[tracedBy.receiver] };
    }),
  );
  const condition = nameOf({ sampling: PAPER.sampling, receiver: 'sage' });
  const paper = [
    { condition, title: FIGURES.p99Ms, paper: PAPER.p99 },
    { condition, title: FIGURES.throughputPerSecond, paper: PAPER.throughput },
  ].filter((point) => conditions.includes(point.condition));
  const x = (field: string) => ({ field, type: 'quantitative', axis: { format: '+.0%' }, title: null });
  // Of the paper's point there is no colour; it is no value of the legend either.
  const color = { field: 'by', type: 'nominal', title: null, scale: { domain: Object.values(RECEIVERS) } };
  return {
    data: { values: [...measured, ...paper] },
    facet: {
      column: { field: 'title', type: 'nominal', title: null, sort: Object.values(FIGURES) },
    },
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 170,
      height: { step: 26 },
      encoding: { y: { field: 'condition', type: 'nominal', sort: conditions, title: null } },
      layer: [
        {
          mark: { type: 'rule', strokeDash: [3, 3], color: 'currentColor', opacity: 0.6 },
          encoding: { x: { datum: 0 }, y: null },
        },
        { mark: { type: 'rule' }, encoding: { x: x('low'), x2: { field: 'high' }, color } },
        {
          mark: { type: 'point', filled: true, size: 60, opacity: 1 },
          encoding: { x: x('value'), color },
        },
        {
          mark: { type: 'point', shape: 'cross', filled: true, size: 70, color: 'currentColor', opacity: 1 },
          encoding: { x: x('paper') },
        },
      ],
    },
  };
}
