import type { ExporterReading } from '@sage/telemetry-source';
import { DataError } from '../observed.js';
import { readText } from './files.js';

/** What all exporters said in one round of scrapes. */
export interface MetricRound {
  readonly timeMs: number;
  readonly readings: readonly ExporterReading[];
}

/** Series of the machine are told apart by this label, those of containers and probes by `container`. */
const HOST_LABELS: Readonly<Record<string, string>> = { node_cpu_seconds_total: 'mode' };
/** Everything runs on one machine: of its node exporter and of what scrapes the containers. */
const INSTANCE = 'machine:9100';
/** Without one of these a whole kind of evidence would be missing, and nobody would notice. */
const REQUIRED = [
  'container_cpu_usage_seconds_total',
  'container_memory_usage_bytes',
  'container_network_receive_bytes_total',
  'container_network_transmit_bytes_total',
  'node_cpu_seconds_total',
  'probe_duration_seconds',
  'probe_success',
];

/**
 * Scraped metrics, a line per round, oldest first, times in epoch seconds:
 *
 *     {"t":1795421580.262,"m":{"probe_success":{"geo":1},"node_cpu_seconds_total":{"idle":7491.02}}}
 *
 * Throws a DataError with file and line.
 */
export function* readRounds(path: string): Generator<MetricRound> {
  let line = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const text of readText(path).split('\n')) {
    line += 1;
    if (text.trim() === '') continue;
    const place = `${path}, line ${line}`;
    const round = roundOf(text, place);
    if (round.timeMs < last) throw new DataError(`${place}: 't' is before that of the line above`);
    last = round.timeMs;
    yield round;
  }
  if (last === Number.NEGATIVE_INFINITY) throw new DataError(`${path} is empty`);
}

function roundOf(text: string, place: string): MetricRound {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DataError(`${place} is not JSON`);
  }
  const { t, m } = (value ?? {}) as { t?: unknown; m?: unknown };
  if (typeof t !== 'number' || !isRecord(m)) {
    throw new DataError(`${place}: expected {"t": epoch seconds, "m": {metric: {component: value}}}`);
  }
  const missing = REQUIRED.find((name) => !Object.hasOwn(m, name));
  if (missing !== undefined) {
    throw new DataError(`${place} has no metric '${missing}'; it has ${Object.keys(m).join(', ')}`);
  }
  const timestampMs = 1000 * t;
  const readings = Object.entries(m).flatMap(([name, values]) => {
    if (!isRecord(values)) throw new DataError(`${place}: '${name}' must be {component: value}`);
    const label = HOST_LABELS[name] ?? 'container';
    return Object.entries(values).map(([key, reading]): ExporterReading => {
      if (typeof reading !== 'number') {
        throw new DataError(`${place}: '${name}' of '${key}' is not a number`);
      }
      return { name, labels: { [label]: key, instance: INSTANCE }, timestampMs, value: reading };
    });
  });
  return { timeMs: timestampMs, readings };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
