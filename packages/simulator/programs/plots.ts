/**
 * One page that shows how close the simulated world comes to the figures it is calibrated to:
 *
 *     node packages/simulator/dist/programs/plots.js calibration.html [jaeger traces of compose-post.json]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { distribution, type Line, lineChart } from './charts.js';
import { at, type Measured, measure, measureChain } from './measure.js';

const [target = 'calibration.html', traces] = process.argv.slice(2);

/** Figure, what the reference says, what was measured. */
type Row = readonly [figure: string, reference: string, measured: string];

const ms = (value: number) => `${value.toFixed(value < 1 ? 3 : 1)} ms`;
const both = (values: readonly number[]) => `${ms(at(values, 0.95))} / ${ms(at(values, 0.99))}`;
const percent = (value: number) => `${(100 * value).toFixed(0)} %`;

const calm = measureChain();
const cpu = measureChain('cpu', 0.7);
const delay = measureChain('network-delay', 0.73);
const loss = measureChain('network-loss', 0.3);
const compose = measure(
  'social-network',
  { durationMs: 600_000, requestsPerSecond: 20, steady: true },
  { service: 'compose-post-service', operation: '/wrk2-api/post/compose' },
);

const rows: readonly Row[] = [
  ['chain at 500 requests/s: root p95 / p99', '17 / 22 ms', both(calm.roots)],
  ['a hop’s request delay p95 / p99', '0.28 / 0.31 ms', both(calm.hops)],
  ['cores busy', '52 %', percent(calm.busy)],
  ['ping', '0.045 ms', ms(calm.pingMs)],
  ['contention for the processor: cores busy', '71–76 %', percent(cpu.busy)],
  [
    'the service’s own use of it',
    'unchanged',
    `${calm.cpuCores.toFixed(2)} → ${cpu.cpuCores.toFixed(2)} cores`,
  ],
  ['root p99', '53–85 ms', ms(at(cpu.roots, 0.99))],
  ['delay of the link: ping', '29–30 ms', ms(delay.pingMs)],
  ['the affected hop, median', '≈ 30 ms', ms(at(delay.hops, 0.5))],
  ['root p99', '53–82 ms', ms(at(delay.roots, 0.99))],
  ['loss of 1.8 %: ping', 'unchanged', ms(loss.pingMs)],
  ['root p99', '225–283 ms', ms(at(loss.roots, 0.99))],
  ['compose-post, idle: median', '4.3 ms', ms(at(compose.roots, 0.5))],
];

const line = (name: string, colour: string, { roots }: Pick<Measured, 'roots'>): Line => ({
  name,
  colour,
  points: distribution(roots),
});
const axes = { yLabel: 'share', xLabel: 'ms' };
const real =
  traces === undefined
    ? []
    : [{ name: '20 real traces', colour: '#c33', points: distribution(composeTimes(traces)) }];
const charts = [
  lineChart([line('simulated', '#2563eb', calm)], {
    ...axes,
    title: 'Chain: latency at the root',
    marks: [
      { x: 17, name: 'p95 of the reference' },
      { x: 22, name: 'p99' },
    ],
  }),
  lineChart([{ name: 'simulated', colour: '#2563eb', points: distribution(calm.hops) }], {
    ...axes,
    title: 'Chain: delay of a request on one hop',
    marks: [
      { x: 0.28, name: 'p95 of the reference' },
      { x: 0.31, name: 'p99' },
    ],
  }),
  lineChart(
    [
      line('calm', '#2563eb', calm),
      line('contention', '#b45309', cpu),
      line('delay', '#059669', delay),
      line('loss', '#7c3aed', loss),
    ],
    { ...axes, title: 'Chain: latency at the root under faults of the sixth tier' },
  ),
  lineChart([...real, line('simulated', '#2563eb', compose)], {
    ...axes,
    title: 'Social Network: compose-post on an idle system',
    marks: [{ x: 4.3, name: 'median of the reference' }],
  }),
];

const table = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n');
writeFileSync(
  target,
  `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Calibration of the simulated world</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
  svg { width: 560px; max-width: 100%; font: 11px system-ui, sans-serif; }
  td, th { padding: 0.2rem 1.2rem 0.2rem 0; text-align: left; }
</style>
<h1>Calibration of the simulated world</h1>
<table><tr><th>figure</th><th>reference</th><th>simulated</th></tr>
${table}
</table>
${charts.join('\n')}
</html>
`,
);
for (const [figure, reference, measured] of rows)
  console.log(`${figure}: ${measured} (reference: ${reference})`);

/** Durations of root spans in a file as Jaeger's query service gives it. */
function composeTimes(path: string): number[] {
  interface JaegerSpan {
    readonly duration: number;
    readonly references?: readonly unknown[];
  }
  const { data } = JSON.parse(readFileSync(path, 'utf8')) as { data: { spans: JaegerSpan[] }[] };
  return data.flatMap(({ spans }) =>
    spans.filter(({ references = [] }) => references.length === 0).map(({ duration }) => duration / 1000),
  );
}
