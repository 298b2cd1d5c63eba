import { join } from 'node:path';
import type { FeatureName } from '@sage/core';
import { listFolder, Table } from '../data/files.js';
import { timeAt } from '../data/utc-time.js';
import { DataError } from '../observed.js';

const MINUTE_MS = 60_000;

/** Quantiles of what a pod served, ms. */
export interface Served {
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** One row of a pod's file. */
export interface PodReading {
  /** Requests served in the minute. */
  readonly count: number;
  /** undefined in a minute without requests. */
  readonly served: Served | undefined;
  readonly metrics: ReadonlyMap<FeatureName, number>;
}

/** What was read at the end of a minute. */
export interface Minute {
  readonly startMs: number;
  readonly endMs: number;
  /** End to end, ms; undefined in a minute without requests. */
  readonly front: (Served & { readonly p50Ms: number }) | undefined;
  /** By service. */
  readonly pods: ReadonlyMap<string, PodReading>;
}

/**
 * The columns of a pod that are features. Not used: those of the node, which has many pods and cores to spare; the counts
 * of system calls, which no feature stands for; `PodSuccessRate(%)`, which is 0 throughout; the client latencies, which
 * mix all that a pod calls.
 */
const featureColumns = (
  coresPerUnit: number,
): readonly { readonly column: string; readonly feature: FeatureName; readonly scale: number }[] => [
  { column: 'CpuUsage(m)', feature: 'cpu_usage_cores', scale: coresPerUnit },
  // Of its quota, which is what it may run on.
  { column: 'CpuUsageRate(%)', feature: 'cpu_host_busy_ratio', scale: 0.01 },
  { column: 'MemoryUsage(Mi)', feature: 'memory_working_set_bytes', scale: 2 ** 20 },
  { column: 'NetworkReceiveBytes', feature: 'network_receive_bytes_per_second', scale: 1 },
  { column: 'NetworkTransmitBytes', feature: 'network_transmit_bytes_per_second', scale: 1 },
];

/**
 * Reads `metric/front_service.csv`, which says when the minutes are, and `metric/<pod>_metric.csv`. Rows of the same
 * minute are some seconds apart; those of minutes that the front service was not read in are left out.
 * `coresPerUnit`: what `CpuUsage(m)` counts in.
 */
export function readMinutes(folder: string, coresPerUnit: number): Minute[] {
  const metric = join(folder, 'metric');
  const front = new Table(join(metric, 'front_service.csv'));
  const columns = quantileColumns(front, 'Latency');
  const p50 = front.column('LatencyP50(s)');
  if (front.rows.length === 0) throw new DataError(`${front.path} has no rows`);
  const beginMs = rowTime(front, 'Time', 0);
  const minutes = new Map<number, { minute: Minute; pods: Map<string, PodReading> }>();
  front.rows.forEach((_, row) => {
    const timeMs = rowTime(front, 'Time', row);
    const served = readServed(front, row, columns);
    const p50Seconds = front.number(row, p50);
    const pods = new Map<string, PodReading>();
    const minute = {
      startMs: timeMs - MINUTE_MS,
      endMs: timeMs,
      front: served && p50Seconds !== undefined ? { ...served, p50Ms: 1000 * p50Seconds } : undefined,
      pods,
    };
    minutes.set(minutesBetween(beginMs, timeMs), { minute, pods });
  });
  for (const path of listFolder(metric, /_metric\.csv$/, '<pod>_metric.csv files')) {
    const table = new Table(path);
    const pod = table.column('PodName');
    const workload = table.column('PodWorkload(Ops)');
    const latency = quantileColumns(table, 'PodServerLatency');
    const features = featureColumns(coresPerUnit).map(({ column, ...rest }) => ({
      ...rest,
      column: table.column(column),
    }));
    table.rows.forEach((_, row) => {
      const place = `${path}, line ${row + 2}`;
      const minute = minutes.get(minutesBetween(beginMs, rowTime(table, 'Time', row)));
      if (minute === undefined) return;
      const service = serviceOfPod(table.text(row, pod), `${place}, PodName`);
      if (minute.pods.has(service)) {
        throw new DataError(
          `${place}: a second reading of ${service} in one minute; one pod of each is expected`,
        );
      }
      const served = readServed(table, row, latency);
      minute.pods.set(service, {
        // The rate is rounded to nothing where a request or two were served.
        count: served === undefined ? 0 : Math.max(1, Math.round(60 * (table.number(row, workload) ?? 0))),
        served,
        metrics: new Map(
          features.flatMap(({ column, feature, scale }): [FeatureName, number][] => {
            const value = table.number(row, column);
            return value === undefined ? [] : [[feature, scale * value]];
          }),
        ),
      });
    });
  }
  return [...minutes.values()].map(({ minute }) => minute).sort((a, b) => a.startMs - b.startMs);
}

/** `cartservice-579f59597d-wc2lz` → `cartservice`. */
export function serviceOfPod(pod: string, place: string): string {
  const service = /^(.+)-[a-z0-9]+-[a-z0-9]+$/.exec(pod)?.[1];
  if (service === undefined) {
    throw new DataError(`${place}: '${pod}' is not a pod's name such as cartservice-579f59597d-wc2lz`);
  }
  return service;
}

/** When a row was read. The columns of epoch seconds are wrong in places, those of times are not. */
export function rowTime(table: Table, column: string, row: number): number {
  return timeAt(table.text(row, table.column(column)), `${table.path}, line ${row + 2}, ${column}`);
}

/** Whole minutes from one reading to another. */
export function minutesBetween(fromMs: number, toMs: number): number {
  return Math.round((toMs - fromMs) / MINUTE_MS);
}

function quantileColumns(table: Table, prefix: string): readonly number[] {
  return ['P90', 'P95', 'P99'].map((name) => table.column(`${prefix}${name}(s)`));
}

/** A quantile of 0 stands for no request, as NaN does. */
function readServed(table: Table, row: number, columns: readonly number[]): Served | undefined {
  const [p90, p95, p99] = columns.map((column) => 1000 * (table.number(row, column) ?? 0));
  return p90 && p95 && p99 ? { p90Ms: p90, p95Ms: p95, p99Ms: p99 } : undefined;
}
