import type { PlotSpec } from '../report/section.js';
import type { RolloutResult } from './rollout-chain.js';
import { POLICIES } from './rollout-policies.js';
import { sharesOf } from './shares.js';

const color = {
  field: 'policy',
  type: 'nominal',
  title: null,
  sort: POLICIES,
  legend: { orient: 'top', labelLimit: 0 },
};
const windowsAxis = { title: 'windows', axis: { labelAngle: 0 } };

/** Small multiples: a column for each roll-out, accuracy above R², a line for each policy. */
export function windowsPlot(rollouts: readonly RolloutResult[], seed: number): PlotSpec {
  const values = rollouts.flatMap(({ letter, attempts }) =>
    attempts.flatMap(({ policy, windows, r2, cases }) => {
      const accuracy = sharesOf(cases, seed)?.accuracy;
      const at = { letter, policy, windows };
      return [
        ...(accuracy === undefined
          ? []
          : [
              {
                ...at,
                figure: 'accuracy',
                value: accuracy.value,
                low: accuracy.interval[0],
                high: accuracy.interval[1],
              },
            ]),
        ...(r2 === null ? [] : [{ ...at, figure: 'R²', value: Math.max(0, r2) }]),
      ];
    }),
  );
  const x = { field: 'windows', type: 'ordinal', ...windowsAxis };
  // Policies that agree would hide each other: they stand side by side.
  const xOffset = { field: 'policy', type: 'nominal', sort: POLICIES, scale: { paddingOuter: 1 } };
  return {
    data: { values },
    facet: {
      column: { field: 'letter', type: 'nominal', title: null, sort: rollouts.map(({ letter }) => letter) },
      row: { field: 'figure', type: 'nominal', title: null, sort: ['accuracy', 'R²'] },
    },
    spacing: { row: 16, column: 12 },
    spec: {
      width: 720 / rollouts.length,
      height: 130,
      encoding: { x, xOffset, color },
      layer: [
        {
          mark: { type: 'rule', opacity: 0.4 },
          encoding: {
            y: {
              field: 'low',
              type: 'quantitative',
              scale: { domain: [0, 1] },
              axis: { tickCount: 5 },
              title: null,
            },
            y2: { field: 'high' },
          },
        },
        {
          // A model answers until there is the next.
          mark: { type: 'line', interpolate: 'step-after', point: { size: 30 } },
          encoding: { y: { field: 'value', type: 'quantitative' } },
        },
      ],
    },
  };
}

/** Seconds of every training by the windows learnt from, and their median, a line for each policy. */
export function trainingPlot(rollouts: readonly RolloutResult[]): PlotSpec {
  const values = rollouts.flatMap(({ letter, attempts }) =>
    attempts
      .filter(({ learnt }) => learnt)
      .map(({ policy, windows, seconds }) => ({ letter, policy, windows, seconds })),
  );
  return {
    width: 520,
    height: 240,
    data: { values },
    encoding: {
      x: { field: 'windows', type: 'ordinal', ...windowsAxis },
      color,
    },
    layer: [
      {
        mark: { type: 'point', filled: true, opacity: 0.6 },
        encoding: {
          y: { field: 'seconds', type: 'quantitative', scale: { type: 'log' }, title: 'seconds of training' },
        },
      },
      {
        mark: { type: 'line' },
        encoding: { y: { field: 'seconds', aggregate: 'median', type: 'quantitative' } },
      },
    ],
  };
}
