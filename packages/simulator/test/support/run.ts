import { quantile, type Span } from '@sage/core';
import type { ExporterReading } from '@sage/telemetry-source';
import { type SimulationOptions, type SimulationTotals, simulate, type Topology } from '../../src/index.js';
import { readTopology } from '../../src/read-topology.js';

export interface Run {
  readonly spans: readonly Span[];
  readonly readings: readonly ExporterReading[];
  readonly totals: SimulationTotals;
}

/** Runs to the end and keeps everything. */
export function run(topology: Topology, options: SimulationOptions): Run {
  const spans: Span[] = [];
  const readings: ExporterReading[] = [];
  const batches = simulate(topology, { steady: true, ...options });
  for (;;) {
    const { value, done } = batches.next();
    if (done) return { spans, readings, totals: value };
    spans.push(...value.spans);
    readings.push(...value.readings);
  }
}

/** The last value of a series: of a counter, what was counted in all. */
export function lastValue({ readings }: Run, name: string, container: string): number {
  const found = readings.findLast(
    ({ name: other, labels }) => other === name && labels.container === container,
  );
  return found?.value ?? Number.NaN;
}

/** Latency in milliseconds of requests of an operation that start at or after a time. */
export function rootLatency({ spans }: Run, share: number, fromMs = 0, operation?: string): number {
  const roots = spans.filter(
    (span) =>
      span.parentSpanId === undefined &&
      span.startUs >= 1000 * fromMs &&
      (operation === undefined || span.operation === operation),
  );
  return quantile(
    roots.map(({ durationUs }) => durationUs / 1000),
    share,
  );
}

export const store = (to: string) => ({ store: { to, op: 'get', span: `${to} get` } });

export const call = (to: string, body: object = { seq: [] }) => ({
  call: { to, op: 'get', client_span: `call ${to}`, server_span: `serve ${to}`, body },
});

/** A topology of services with settings and trees by the names of their endpoints; all have the entry `front`. */
export function application(
  services: Readonly<Record<string, object>>,
  trees: Readonly<Record<string, object>>,
  pools: readonly object[] = [],
): Topology {
  const names = Object.keys(trees);
  const file = {
    services: Object.entries(services).map(([name, settings]) => ({
      name,
      jaeger_service: name,
      kind: 'logic',
      after_ms: 0,
      ...settings,
    })),
    pools,
    endpoints: names.map((name) => ({
      name,
      weight: 1 / names.length,
      entry: 'front',
      root_spans: [name],
      tree: trees[name],
    })),
  };
  return readTopology(JSON.stringify(file), 'test.json');
}
