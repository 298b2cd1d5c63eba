import { median } from '@sage/core';
import type { Comparison } from '../report/section.js';
import type { CaseResult } from '../scoring.js';
import type { Experiment, SectionContext, Sizes } from './experiment.js';
import { kindsTable } from './kinds-table.js';
import { falseAlarms, type Share, type Shares, sharesOf } from './shares.js';
import type { StepRecord } from './step.js';
import { shortName, usualWorld, type World, type WorldResult, worldStep } from './worlds.js';

/** Fig. 4 of the paper gives accuracies of three applications; the text says "over 93 %" of the rest. */
const PAPER_ACCURACY: Readonly<Record<string, number>> = {
  'social-network': 0.94,
  media: 0.89,
  hotel: 0.9,
};
const PAPER_ACCURACY_OVER = 0.93;
/** "3–4 % of false negatives", "3–5 % of false positives": the upper ends. */
const PAPER_FALSE_NEGATIVES = 0.04;
const PAPER_FALSE_POSITIVES = 0.05;

/** A method in one application. */
export interface MethodShares {
  readonly topology: string;
  readonly method: string;
  readonly shares: Shares;
}

/** Fig. 3 of the paper: accuracy, false negatives and false positives of every system in five applications. */
export const accuracy: Experiment<WorldResult> = {
  id: 'accuracy',
  title: 'Who finds the culprit (Fig. 3)',
  steps: ({ topologies, ...sizes }) =>
    topologies.map((topology) => worldStep(usualWorld({ topologies, ...sizes }, topology))),
  section: (records, context) => {
    const measured = sharesByMethod(records, context.seed);
    const cases = casesByMethod(records);
    const pooled = pooledByMethod(cases, context.seed);
    const order = [...pooled].sort((a, b) => b.shares.accuracy.value - a.shares.accuracy.value);
    return {
      id: accuracy.id,
      title: accuracy.title,
      meaning: meaningOf(order, context.sizes),
      comparisons: comparisonsOf(measured),
      blocks: [
        {
          kind: 'table',
          caption: `All applications together, ${order[0]?.shares.cases ?? 0} incidents; in brackets what 95 % of resamplings of the cases give. The last column is of cases in which nobody is to blame: undisturbed windows, faults that broke nothing, harmless surges and decoys.`,
          columns: [
            'method',
            'accuracy',
            'false negatives',
            'false positives',
            'blames though nobody is to blame',
          ],
          rows: order.map(({ method, shares, alarms }) => [
            method,
            shareWords(shares.accuracy),
            shareWords(shares.falseNegatives),
            shareWords(shares.falsePositives),
            alarms === undefined ? '–' : shareWords(alarms),
          ]),
        },
        {
          kind: 'plot',
          name: 'accuracy',
          caption: 'Each dot is one application, each line the 95 % interval of its accuracy or error.',
          spec: plotOf(
            measured,
            order.map(({ method }) => method),
          ),
        },
        accuracyTable(
          measured,
          order.map(({ method }) => method),
          context,
        ),
        kindsTable(order.map(({ method }) => ({ method, cases: cases.get(method) ?? [] }))),
      ],
    };
  },
};

/** A row per method, a column per application: accuracy with its interval. */
function accuracyTable(
  measured: readonly MethodShares[],
  methods: readonly string[],
  { sizes }: SectionContext,
) {
  const of = (method: string, topology: string) =>
    measured.find((item) => item.method === method && item.topology === topology)?.shares;
  return {
    kind: 'table' as const,
    caption: 'Accuracy by application.',
    columns: [
      'method',
      ...sizes.topologies.map((topology) => {
        const cases = of(methods[0] ?? '', topology)?.cases ?? 0;
        return `${shortName(topology)} (${cases})`;
      }),
    ],
    rows: methods.map((method) => [
      method,
      ...sizes.topologies.map((topology) => {
        const shares = of(method, topology);
        return shares === undefined ? '–' : shareWords(shares.accuracy);
      }),
    ]),
  };
}

export function sharesByMethod(records: readonly StepRecord<WorldResult>[], seed: number): MethodShares[] {
  return records.flatMap(({ options, result }) => {
    const topology = shortName((options as World).topology);
    if (!result.ok) return [];
    return result.value.methods.flatMap(({ method, cases }) => {
      const shares = sharesOf(cases, seed);
      return shares === undefined ? [] : [{ topology, method, shares }];
    });
  });
}

interface PooledShares {
  readonly method: string;
  readonly shares: Shares;
  readonly alarms: Share | undefined;
  readonly p50Ms: number;
}

/** Of all applications. */
function casesByMethod(
  records: readonly StepRecord<WorldResult>[],
): ReadonlyMap<string, readonly CaseResult[]> {
  const cases = new Map<string, CaseResult[]>();
  for (const { result } of records) {
    for (const { method, cases: own } of result.ok ? result.value.methods : []) {
      cases.set(method, [...(cases.get(method) ?? []), ...own]);
    }
  }
  return cases;
}

function pooledByMethod(cases: ReadonlyMap<string, readonly CaseResult[]>, seed: number): PooledShares[] {
  return [...cases].flatMap(([method, all]) => {
    const shares = sharesOf(all, seed);
    const p50Ms = median(all.map(({ elapsedMs }) => elapsedMs));
    return shares === undefined ? [] : [{ method, shares, alarms: falseAlarms(all, seed), p50Ms }];
  });
}

function meaningOf(order: readonly PooledShares[], { calibrationFaults }: Sizes): string {
  const sage = order.find(({ method }) => method === 'sage');
  if (sage === undefined) return 'Not measured.';
  const better = order.filter(({ shares }) => shares.accuracy.value > sage.shares.accuracy.value);
  const next = order.find(({ method }) => method !== 'sage');
  const right = Math.round(sage.shares.accuracy.value * sage.shares.cases);
  return [
    `When an objective broke, Sage blamed every culprit and nobody else in ${right} of ${sage.shares.cases} incidents; the model had learnt from ordinary time, without labels.`,
    better.length > 0
      ? `More accurate than Sage: ${better.map(({ method }) => method).join(', ')}.`
      : `The next best, ${next?.method ?? 'nobody'}, was right in ${percentWords(next?.shares.accuracy.value ?? 0)}.`,
    calibrationFaults === 0
      ? ''
      : `Sage and the floors had no label; Seer and the Oracle learn from labels alone, and CauseInfer’s and Microscope’s parameters are chosen by them: ${calibrationFaults} faults of each application. Seer can name only tiers that it was shown at fault often enough, so that it is as good as its labels are many.`,
    'Methods that always name one service cannot be silent: see the last column. The paper gives numbers only for Sage and, in Fig. 4, for Seer; its order is Sage ≥ Seer > CauseInfer ≈ Microscope > Offline Oracle > autoscalers.',
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function comparisonsOf(measured: readonly MethodShares[]): Comparison[] {
  return measured
    .filter(({ method }) => method === 'sage')
    .flatMap(({ topology, shares }): Comparison[] => [
      {
        what: `Accuracy, ${topology}`,
        ours: shares.accuracy.value,
        interval: shares.accuracy.interval,
        paper: PAPER_ACCURACY[topology] ?? PAPER_ACCURACY_OVER,
        paperWords:
          PAPER_ACCURACY[topology] === undefined ? 'over 93 %' : percentWords(PAPER_ACCURACY[topology]),
        better: 'higher',
        unit: 'share',
      },
      {
        what: `False negatives, ${topology}`,
        ours: shares.falseNegatives.value,
        interval: shares.falseNegatives.interval,
        paper: PAPER_FALSE_NEGATIVES,
        paperWords: '3–4 %',
        better: 'lower',
        unit: 'share',
      },
      {
        what: `False positives, ${topology}`,
        ours: shares.falsePositives.value,
        interval: shares.falsePositives.interval,
        paper: PAPER_FALSE_POSITIVES,
        paperWords: '3–5 %',
        better: 'lower',
        unit: 'share',
      },
    ]);
}

function plotOf(measured: readonly MethodShares[], methods: readonly string[]) {
  const values = measured.flatMap(({ topology, method, shares }) =>
    (
      [
        ['accuracy', shares.accuracy],
        ['false negatives', shares.falseNegatives],
        ['false positives', shares.falsePositives],
      ] as const
    ).map(([figure, { value, interval }]) => ({
      topology,
      method,
      figure,
      value,
      low: interval[0],
      high: interval[1],
    })),
  );
  const y = { field: 'method', type: 'nominal', sort: methods, title: null };
  const offset = { yOffset: { field: 'topology', type: 'nominal' } };
  const color = { field: 'topology', type: 'nominal', title: 'application' };
  return {
    data: { values },
    facet: { column: { field: 'figure', type: 'nominal', title: null } },
    spec: {
      width: 200,
      height: { step: 9 },
      encoding: { y, ...offset, color },
      layer: [
        {
          mark: { type: 'rule', opacity: 0.5 },
          encoding: {
            x: {
              field: 'low',
              type: 'quantitative',
              scale: { domain: [0, 1] },
              axis: { format: '%' },
              title: null,
            },
            x2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 36, opacity: 1 },
          encoding: { x: { field: 'value', type: 'quantitative' } },
        },
      ],
    },
  };
}

/** “94 % (88–98)”. */
export function shareWords({ value, interval: [low, high] }: Share): string {
  return `${percentWords(value)} (${(100 * low).toFixed(0)}–${(100 * high).toFixed(0)})`;
}

export function percentWords(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}
