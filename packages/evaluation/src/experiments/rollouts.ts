import { median } from '@sage/core';
import type { Block, Comparison } from '../report/section.js';
import { percentWords, shareWords } from './accuracy.js';
import type { Experiment, Sizes } from './experiment.js';
import { measureRollouts, type RolloutResult, type RolloutsOptions } from './rollout-chain.js';
import {
  accuracyOverTime,
  asGoodAfter,
  type Pooled,
  pooledOf,
  type Trainings,
  timesAsLong,
  trainingsOf,
} from './rollout-figures.js';
import { trainingPlot, windowsPlot } from './rollout-plots.js';
import { POLICIES, type Policy } from './rollout-policies.js';
import { shortName } from './worlds.js';

/** "More than 10×" is said of partial and incremental together, "3–30×" of their distance from the other two policies. */
const PAPER_TIMES = { 'from scratch': 10, incremental: 3 };
const PAPER_WORDS = { 'from scratch': 'over 10 times', incremental: '3–30 times' };
const OTHERS = ['from scratch', 'incremental'] as const;

/** Fig. 5b of the paper: an application is updated six times, and its model kept up by one of three policies. */
export const rollouts: Experiment<readonly RolloutResult[]> = {
  id: 'rollouts',
  title: 'When the application is updated (Fig. 5b)',
  steps: (sizes) => {
    const { trainWindows, windowSeconds, requestsPerSecond, sampling } = sizes;
    const options: RolloutsOptions = {
      ...sizes.rollouts,
      trainWindows,
      windowSeconds,
      requestsPerSecond,
      sampling,
    };
    return [
      {
        id: `rollouts/${shortName(options.topology)}`,
        options,
        run: (context) => measureRollouts(options, context),
      },
    ];
  },
  section: (records, { seed, sizes }) => {
    const measured = records.flatMap(({ result }) => result);
    const pooled = pooledOf(measured, seed);
    const trainings = trainingsOf(measured);
    return {
      id: rollouts.id,
      title: rollouts.title,
      meaning: meaningOf(measured, pooled, trainings, sizes),
      comparisons: comparisonsOf(trainings),
      blocks: measured.length === 0 ? [] : blocksOf(measured, pooled, trainings, { seed, sizes }),
    };
  },
};

function comparisonsOf(trainings: readonly Trainings[]): Comparison[] {
  if (trainings.length === 0) return [];
  return OTHERS.map((policy) => ({
    what: `Training, ${policy} against partial + incremental`,
    ours: median(trainings.map((item) => timesAsLong(item, policy))),
    paper: PAPER_TIMES[policy],
    paperWords: PAPER_WORDS[policy],
    better: 'higher',
    unit: 'ratio',
    caveat: 'time of trainings with equally many windows, median of roll-outs and numbers of windows',
  }));
}

function blocksOf(
  measured: readonly RolloutResult[],
  pooled: readonly Pooled[],
  trainings: readonly Trainings[],
  { seed, sizes }: { readonly seed: number; readonly sizes: Sizes },
): Block[] {
  const { versions } = sizes.rollouts;
  const incidents = pooled[0]?.shares.cases ?? 0;
  return [
    { kind: 'text', text: `${versions.map(({ letter, words }) => `${letter}: ${words}`).join('. ')}.` },
    {
      kind: 'plot',
      name: 'rollouts',
      caption:
        'By windows since each roll-out. Above: share of incidents with the right answer and 95 % interval; without a model there is none. Below: R² of latency in the windows asked about; what is below 0 is drawn at 0.',
      spec: windowsPlot(measured, seed),
    },
    {
      kind: 'table',
      caption: `All roll-outs together, ${incidents} incidents, the same for every policy and number of windows. R²: median of the roll-outs.`,
      columns: [
        'windows since',
        'policy',
        'accuracy',
        'false negatives',
        'false positives',
        'false alarms',
        'R²',
      ],
      rows: pooled.map(({ windows, policy, shares, alarms, medianR2 }) => [
        String(windows),
        policy,
        shareWords(shares.accuracy),
        shareWords(shares.falseNegatives),
        shareWords(shares.falsePositives),
        alarms === undefined ? '–' : shareWords(alarms),
        medianR2 === undefined ? 'no model' : medianR2.toFixed(2),
      ]),
    },
    {
      kind: 'table',
      caption: `Training with all ${Math.max(...sizes.rollouts.windows)} windows, as it took on this machine while other things were measured: look at the ratios. “nothing”: no call, no metric and no latency had changed enough.`,
      columns: [
        'roll-out',
        'learns again',
        ...POLICIES,
        ...OTHERS.map((policy) => `${policy}, times as long`),
      ],
      rows: measured.map((rollout) => trainingRow(rollout, trainings)),
    },
    {
      kind: 'table',
      caption:
        'Time from a roll-out, windows and training, until a model gives latency back (R²) as closely as that of partial + incremental does in the end, within 0.02. “–”: not with the windows measured.',
      columns: ['roll-out', ...POLICIES],
      rows: measured.map(({ letter, attempts }) => [
        letter,
        ...POLICIES.map((policy) => durationWords(asGoodAfter(attempts, policy, sizes.windowSeconds))),
      ]),
    },
    {
      kind: 'plot',
      name: 'rollouts-training',
      caption:
        'Training by the number of windows since a roll-out, where anything was learnt; each dot is one roll-out, the lines are medians.',
      spec: trainingPlot(measured),
    },
  ];
}

function durationWords(seconds: number | undefined): string {
  return seconds === undefined ? '–' : `${(seconds / 60).toFixed(1)} min`;
}

function trainingRow(
  { letter, services, relearnt, attempts }: RolloutResult,
  trainings: readonly Trainings[],
) {
  const most = Math.max(...attempts.map(({ windows }) => windows));
  const compared = trainings.find((item) => item.letter === letter && item.windows === most);
  return [
    letter,
    relearnt.kind === 'none'
      ? 'nothing'
      : `${relearnt.services.length} of ${services} services (${relearnt.kind})`,
    ...POLICIES.map((policy) => {
      const own = attempts.find((attempt) => attempt.policy === policy && attempt.windows === most);
      return own === undefined ? '–' : `${own.seconds.toFixed(1)} s`;
    }),
    ...OTHERS.map((policy) => (compared === undefined ? '–' : timesAsLong(compared, policy).toFixed(1))),
  ];
}

function meaningOf(
  measured: readonly RolloutResult[],
  pooled: readonly Pooled[],
  trainings: readonly Trainings[],
  { windowSeconds }: Sizes,
): string {
  const [first, last] = [pooled[0]?.windows, pooled.at(-1)?.windows];
  if (first === undefined || last === undefined) return 'Not measured.';
  const right = (policy: Policy, windows: number) =>
    percentWords(
      pooled.find((item) => item.policy === policy && item.windows === windows)?.shares.accuracy.value ?? 0,
    );
  const each = (words: (policy: Policy) => string) =>
    POLICIES.map((policy) => `${policy} ${words(policy)}`).join(', ');
  const overTime = (policy: Policy) => {
    const shares = measured.flatMap(
      ({ attempts }) => accuracyOverTime(attempts, policy, windowSeconds) ?? [],
    );
    return percentWords(shares.reduce((sum, share) => sum + share, 0) / shares.length);
  };
  const atLast = pooled.filter(({ windows }) => windows === last);
  return [
    `The paper: after an update, a model from scratch can answer nothing until it has learnt, and one that keeps what it knew loses least. Here, ${windowWords(first)} after a roll-out, right in: ${each((policy) => right(policy, first))}; after ${windowWords(last)}: ${each((policy) => right(policy, last))}.`,
    `Over the time in which these ${last} windows of ${windowSeconds} s come in, training included: ${each(overTime)}.`,
    dependenceWords(atLast),
    reconstructionWords(atLast),
    timeWords(trainings.filter(({ windows }) => windows === last)),
    equalWords(measured, { windowSeconds, last }),
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

/** Told where all are within this of each other when they have learnt. */
const ALIKE = 0.02;

function dependenceWords(last: readonly Pooled[]): string {
  const accuracies = last.map(({ shares }) => shares.accuracy.value);
  if (Math.max(...accuracies) - Math.min(...accuracies) > ALIKE) return '';
  return 'Once there is a model, accuracy hardly depends on how it was made: what a model cannot tell the reason of is a disturbance of the service itself, and the search takes that away. What may tell the models apart is R².';
}

function reconstructionWords(last: readonly Pooled[]): string {
  const known = last.filter(({ medianR2 }) => medianR2 !== undefined);
  const words = known.map(({ policy, medianR2 = 0 }) => `${policy} ${medianR2.toFixed(2)}`).join(', ');
  const [best] = [...known].sort((a, b) => (b.medianR2 ?? 0) - (a.medianR2 ?? 0));
  if (best === undefined) return '';
  return [
    `How well the models then give latency back (R², the median roll-out): ${words}.`,
    best.policy === 'partial + incremental'
      ? 'So it is as the paper says: networks that the update does not concern are best left alone, since a few windows hold less than what they know.'
      : `The paper says that networks which the update does not concern are best left alone; here ${best.policy} is closer.`,
  ].join(' ');
}

/** Trainings of equally many windows end with models that are not equally good. */
function equalWords(
  measured: readonly RolloutResult[],
  { windowSeconds, last }: { readonly windowSeconds: number; readonly last: number },
): string {
  const reached = (policy: Policy) =>
    measured.filter(({ attempts }) => asGoodAfter(attempts, policy, windowSeconds) !== undefined).length;
  const words = OTHERS.map((policy) => `${policy} in ${reached(policy)}`).join(', ');
  return `These ratios are of equally many windows, not of models equally good: within ${last} windows a model as good by R² as that of partial + incremental in the end was had, of ${measured.length} roll-outs, by ${words}.`;
}

/** `trainings`: of the largest number of windows. */
function timeWords(trainings: readonly Trainings[]): string {
  if (trainings.length === 0) return '';
  const range = (policy: Policy) => {
    const times = trainings.map((item) => timesAsLong(item, policy));
    return [Math.min(...times), Math.max(...times)].map((value) => value.toFixed(1)).join(' to ');
  };
  return `A training of what changed alone is ${range('from scratch')} times as fast as one from scratch, and ${range('incremental')} times as fast as one of all networks from what they knew; the paper has 3 to 30 times. Only a fraction of the networks learn, but in an application of this size about half of a training’s time goes into starting its operations, which is as much for few networks as for all.`;
}

function windowWords(windows: number): string {
  return windows === 1 ? 'one window' : `${windows} windows`;
}
