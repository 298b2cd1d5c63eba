import { milliseconds } from '@sage/core';
import type { Comparison } from '../report/section.js';
import type { Experiment } from './experiment.js';
import { measureTree, type TreeOptions, type TreeResult } from './tree-questions.js';

/** From 28 to 188 containers: inference 49 → 62 ms, training 124 → 148 min. */
const PAPER = { localMs: 49, largeMs: 62, trainingGrowth: 1.194, inferenceGrowth: 1.265 };

/** How training, diagnosis and memory grow with the number of services (§ "Sage Scalability"). */
export const scale: Experiment<TreeResult> = {
  id: 'scale',
  title: 'From 27 to 1,000 services',
  steps: ({ scale: { services, ...rest } }) =>
    services.map((count) => {
      const options: TreeOptions = { services: count, ...rest };
      return {
        id: `scale/${count}`,
        options,
        alone: true,
        run: (context) => measureTree(options, context),
      };
    }),
  section: (records, { sizes }) => {
    const found = records.map(({ result }) => result);
    const { id, title } = scale;
    const last = found.at(-1);
    if (last === undefined) return { id, title, meaning: 'Not measured.', comparisons: [], blocks: [] };
    return {
      ...{ id, title },
      meaning: meaningOf(last),
      comparisons: comparisonsOf(found),
      blocks: [
        {
          kind: 'table',
          caption: `A tree of services with two operations each, metrics of all, ${sizes.scale.windows} windows learnt from, on this machine.`,
          columns: [
            'services',
            'latency nodes',
            'training',
            'a service and epoch',
            'diagnosis p50',
            'diagnosis p99',
            'right',
            'memory',
          ],
          rows: found.map((item) => [
            String(item.services),
            String(item.latencyNodes),
            `${item.trainSeconds.toFixed(1)} s`,
            `${item.trainMsPerServiceAndEpoch.toFixed(2)} ms`,
            milliseconds(item.p50DiagnoseMs),
            milliseconds(item.p99DiagnoseMs),
            `${item.right} of ${item.asked}`,
            `${(item.memoryBytes / 1e6).toFixed(0)} MB`,
          ]),
        },
        {
          kind: 'plot',
          name: 'scale',
          caption: 'Both axes are logarithmic: a straight line of slope 1 is growth in proportion.',
          spec: {
            data: {
              values: found.flatMap((item) => [
                { services: item.services, figure: 'training, s', value: item.trainSeconds },
                { services: item.services, figure: 'diagnosis p50, ms', value: item.p50DiagnoseMs },
                { services: item.services, figure: 'diagnosis p99, ms', value: item.p99DiagnoseMs },
                { services: item.services, figure: 'memory, MB', value: item.memoryBytes / 1e6 },
              ]),
            },
            width: 520,
            height: 260,
            mark: { type: 'line', point: true },
            encoding: {
              x: {
                field: 'services',
                type: 'quantitative',
                scale: { type: 'log' },
                axis: { values: found.map(({ services }) => services), grid: false },
              },
              y: { field: 'value', type: 'quantitative', scale: { type: 'log' }, title: null },
              color: { field: 'figure', type: 'nominal', title: null },
            },
          },
        },
      ],
    };
  },
};

function comparisonsOf(found: readonly TreeResult[]): Comparison[] {
  const [small, large] = found;
  if (small === undefined || large === undefined) return [];
  const [smallMs, largeMs] = [small.p50DiagnoseMs, large.p50DiagnoseMs];
  if (smallMs === null || largeMs === null) return [];
  const caveat = 'the paper’s larger installation has more replicas of the same tiers; ours has more tiers';
  return [
    {
      what: `Diagnosis, ${small.services} services, median`,
      ours: smallMs,
      paper: PAPER.localMs,
      paperWords: '49 ms',
      better: 'lower',
      unit: 'ms',
      caveat: 'theirs on 44 cores',
    },
    {
      what: `Diagnosis, ${large.services} services, median`,
      ours: largeMs,
      paper: PAPER.largeMs,
      paperWords: '62 ms',
      better: 'lower',
      unit: 'ms',
      caveat,
    },
    {
      what: `Diagnosis grows from ${small.services} to ${large.services} services`,
      ours: largeMs / smallMs,
      paper: PAPER.inferenceGrowth,
      paperWords: '1.27 times',
      better: 'lower',
      unit: 'ratio',
      caveat,
    },
    {
      what: `Training grows from ${small.services} to ${large.services} services`,
      ours: large.trainSeconds / small.trainSeconds,
      paper: PAPER.trainingGrowth,
      paperWords: '1.19 times',
      better: 'lower',
      unit: 'ratio',
      caveat,
    },
  ];
}

function meaningOf(last: TreeResult): string {
  return [
    `With ${last.services} services one diagnosis takes ${milliseconds(last.p50DiagnoseMs)} in the median, and the slow one is named first in ${last.right} of ${last.asked} questions.`,
    'The paper grows an installation by replicas and keeps its tiers, so that its model stays as large as it was, but for more percentiles to collect; here every service more is one more pair of networks to learn, which can at best grow in proportion.',
  ].join(' ');
}
