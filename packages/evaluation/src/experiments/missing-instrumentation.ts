import type { Comparison } from '../report/section.js';
import { percentWords, shareWords } from './accuracy.js';
import type { Experiment } from './experiment.js';
import { type Shares, sharesOf } from './shares.js';
import type { StepRecord } from './step.js';
import { shortName, usualWorld, type World, type WorldResult, worldStep } from './worlds.js';

/** Fig. 4 of the paper; Sage's accuracy there does not depend on the share. */
const PAPER_SAGE: Readonly<Record<string, number>> = { 'social-network': 0.94, media: 0.89, hotel: 0.9 };
const PAPER_SEER: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'social-network': { '0.05': 0.9, '0.1': 0.74, '0.2': 0.66, '0.5': 0.34 },
  media: { '0.05': 0.91, '0.1': 0.88, '0.2': 0.74, '0.5': 0.47 },
  hotel: { '0.05': 0.89, '0.1': 0.83, '0.2': 0.58, '0.5': 0.42 },
};

interface Row {
  readonly topology: string;
  readonly share: number;
  readonly method: string;
  readonly shares: Shares;
}

/** Fig. 4 of the paper: a share of the tiers is not instrumented. Here no exporter tells anything of them. */
export const missingInstrumentation: Experiment<WorldResult> = {
  id: 'missing-instrumentation',
  title: 'When part of the tiers is not instrumented (Fig. 4)',
  steps: (sizes) =>
    sizes.uninstrumented.topologies.flatMap((topology) =>
      [0, ...sizes.uninstrumented.shares].map((uninstrumented) =>
        worldStep(usualWorld(sizes, topology, { uninstrumented })),
      ),
    ),
  section: (records, { seed, sizes }) => {
    const rows = rowsOf(records, seed);
    const shares = [0, ...sizes.uninstrumented.shares];
    return {
      id: missingInstrumentation.id,
      title: missingInstrumentation.title,
      meaning: meaningOf(rows),
      comparisons: rows
        .filter(({ method, share }) => method === 'sage' && share > 0)
        .flatMap(({ topology, share, shares: { accuracy } }): Comparison[] => {
          const paper = PAPER_SAGE[topology];
          if (paper === undefined) return [];
          return [
            {
              what: `Accuracy, ${topology}, ${percentWords(share)} of tiers not instrumented`,
              ours: accuracy.value,
              interval: accuracy.interval,
              paper,
              paperWords: percentWords(paper),
              better: 'higher',
              unit: 'share',
              caveat:
                'ours lose all metrics of the tier; the paper’s lose queue depths, which only Seer needs',
            },
          ];
        }),
      blocks: sizes.uninstrumented.topologies.map(shortName).flatMap((topology) => [
        {
          kind: 'table' as const,
          caption: `${topology}: accuracy by share of tiers without metrics.`,
          columns: ['method', ...shares.map(percentWords)],
          rows: [
            ...[...new Set(rows.map(({ method }) => method))].map((method) => [
              method,
              ...shares.map((share) => {
                const found = rows.find(
                  (row) => row.topology === topology && row.method === method && row.share === share,
                );
                return found === undefined ? '–' : shareWords(found.shares.accuracy);
              }),
            ]),
            ['Sage, in the paper', '–', ...paperCells(shares, () => PAPER_SAGE[topology])],
            ['Seer, in the paper', '–', ...paperCells(shares, (share) => PAPER_SEER[topology]?.[share])],
          ],
        },
        {
          kind: 'plot' as const,
          name: `missing-instrumentation-${topology}`,
          caption: `${topology}: accuracy by share of tiers without metrics.`,
          spec: plotOf(
            rows.filter((row) => row.topology === topology),
            topology,
          ),
        },
      ]),
    };
  },
};

function paperCells(shares: readonly number[], of: (share: number) => number | undefined): string[] {
  return shares
    .filter((share) => share > 0)
    .map((share) => {
      const value = of(share);
      return value === undefined ? '–' : percentWords(value);
    });
}

function rowsOf(records: readonly StepRecord<WorldResult>[], seed: number): Row[] {
  return records.flatMap(({ options, result }) => {
    const { topology, uninstrumented } = options as World;
    if (!result.ok) return [];
    return result.value.methods.flatMap(({ method, cases }): Row[] => {
      const shares = sharesOf(cases, seed);
      return shares === undefined
        ? []
        : [{ topology: shortName(topology), share: uninstrumented, method, shares }];
    });
  });
}

function meaningOf(rows: readonly Row[]): string {
  const own = rows.filter(({ method }) => method === 'sage');
  const most = Math.max(...own.map(({ share }) => share));
  const words = [...new Set(own.map(({ topology }) => topology))].map((topology) => {
    const at = (share: number) =>
      own.find((row) => row.topology === topology && row.share === share)?.shares.accuracy.value;
    const [whole, least] = [at(0), at(most)];
    if (whole === undefined || least === undefined) return `${topology}: not measured.`;
    return `${topology}: Sage is right in ${percentWords(whole)} with all metrics and in ${percentWords(least)} without those of ${percentWords(most)} of the tiers.`;
  });
  return [
    ...words,
    'Nothing at all is measured of such a tier but the spans that it and its callers send; a fault in it shows in latency alone, so Sage can still name the tier, but not from its resources.',
  ].join(' ');
}

function plotOf(rows: readonly Row[], topology: string) {
  const values = [
    ...rows.map(({ share, method, shares: { accuracy } }) => ({
      share,
      method,
      value: accuracy.value,
      source: 'measured',
    })),
    ...Object.entries(PAPER_SEER[topology] ?? {}).map(([share, value]) => ({
      share: Number(share),
      method: 'Seer, in the paper',
      value,
      source: 'paper',
    })),
  ];
  return {
    width: 520,
    height: 240,
    data: { values },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'share', type: 'quantitative', axis: { format: '%' }, title: 'tiers not instrumented' },
      y: {
        field: 'value',
        type: 'quantitative',
        axis: { format: '%' },
        scale: { domain: [0, 1] },
        title: 'accuracy',
      },
      color: { field: 'method', type: 'nominal', title: null, sort: null },
      strokeDash: { field: 'source', type: 'nominal', title: null },
    },
  };
}
