import type { ClosedLoopFigures } from '../closed-loop/figures.js';
import type { PlotSpec } from '../report/section.js';

/** Below this the latency is as usual, and without requests there is none. */
const LEAST_RATIO = 0.2;

/** A row for each policy: latency over what is promised, with faults and what was done. */
export function latencyPlot({ policies, episodes, startMs, windowSeconds }: ClosedLoopFigures): PlotSpec {
  const minuteOf = (ms: number) => (ms - startMs) / 60_000;
  const names = policies.map(({ policy }) => policy);
  const ratioOf = (ratios: readonly number[], minute: number) =>
    Math.max(LEAST_RATIO, ratios[Math.floor((60 * minute) / windowSeconds)] ?? ratios.at(-1) ?? 0);
  const values = policies.flatMap(({ policy, ratios, deeds }) => [
    ...ratios.map((_, index) => {
      const minute = ((index + 0.5) * windowSeconds) / 60;
      return { policy, part: 'latency', minute, ratio: ratioOf(ratios, minute) };
    }),
    ...deeds.map(({ atMs, what }) => ({
      policy,
      part: what === 'done' || what === 'back' ? 'turned' : 'turned back',
      minute: minuteOf(atMs),
      ratio: LEAST_RATIO,
    })),
  ]);
  const x = { field: 'minute', type: 'quantitative', title: 'minutes', axis: { grid: false } };
  const only = (part: string) => [{ filter: `datum.part === '${part}'` }];
  return {
    data: { values },
    facet: { row: { field: 'policy', type: 'nominal', sort: names, title: null, header: HEADER } },
    spacing: 12,
    spec: {
      width: 640,
      height: 74,
      layer: [
        {
          data: {
            values: episodes.map((episode) => ({
              from: minuteOf(episode.startMs),
              to: minuteOf(episode.endMs),
            })),
          },
          mark: { type: 'rect', color: '#e69f00', opacity: 0.22 },
          encoding: { x: { ...x, field: 'from' }, x2: { field: 'to' } },
        },
        {
          data: { values: [{ ratio: 1 }] },
          mark: { type: 'rule', color: '#d55e00', strokeDash: [4, 3] },
          encoding: { y: { field: 'ratio', type: 'quantitative' } },
        },
        {
          transform: only('latency'),
          mark: { type: 'line', strokeWidth: 1.5, color: '#0072b2' },
          encoding: {
            x,
            y: {
              field: 'ratio',
              type: 'quantitative',
              scale: { type: 'log' },
              axis: { values: [0.3, 1, 3, 10, 30, 100], format: '~g' },
              title: null,
            },
          },
        },
        {
          transform: only('turned'),
          mark: { type: 'point', filled: true, size: 22, opacity: 1, color: '#009e73' },
          encoding: { x, y: { field: 'ratio', type: 'quantitative' } },
        },
        {
          transform: only('turned back'),
          mark: { type: 'point', filled: false, size: 22, color: '#009e73' },
          encoding: { x, y: { field: 'ratio', type: 'quantitative' } },
        },
      ],
    },
  };
}

const HEADER = { labelAngle: 0, labelAlign: 'left', labelOrient: 'top', labelAnchor: 'start' };
