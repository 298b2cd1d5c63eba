import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createRng, type LatencyStats, type Percentile, type Window } from '@sage/core';
import { askedWindow, normalOf } from '../data/asked-window.js';
import { callGraphOf, type ServiceCalls, serviceNode, serviceRpc } from '../data/call-tree.js';
import { listFolder, numberAt, readJson, readRows } from '../data/files.js';
import { type LearnOptions, learn } from '../learn.js';
import { type Case, DataError, type Observed, type Suite, type Training } from '../observed.js';

const TRAFFIC = ['low_traffic', 'high_traffic'] as const;
/** Periods of five minutes. */
const PERIOD_MS = 300_000;
const COLUMNS: readonly Percentile[] = ['p50Ms', 'p95Ms', 'p99Ms'];
const STATISTICS: Readonly<Record<Percentile, string>> = { p50Ms: 'p50', p95Ms: 'p95', p99Ms: 'p99' };

export interface PetshopOptions extends LearnOptions {
  readonly data: string;
  readonly split: string;
}

/**
 * PetShop (Hardt et al. 2024): metrics of a shop in a cloud, no spans and no resource metrics. Each issue is asked about
 * in the period, of the one that holds the labelled time and the one after it, in which the target is furthest from normal.
 */
export async function petshopSuite(options: PetshopOptions): Promise<Suite> {
  const cases: Case[] = [];
  const trainings: Training[] = [];
  // All is read before anything is learnt: bad data are told of at once.
  for (const { calls, normal, issues } of TRAFFIC.map((traffic) => readTraffic(options, traffic))) {
    const { graph, model, training } = await learn(callGraphOf(calls, normal), normal, options);
    trainings.push(training);
    for (const { id, kind, truth, ...asked } of issues) {
      const observed = { ...asked, model, graph, rng: createRng(options.seed).fork(id) };
      cases.push({ id, kind, observed, truth });
    }
  }
  return { name: 'petshop', cases, trainings, notes: [] };
}

interface Issue
  extends Pick<Observed, 'history' | 'window' | 'objective'>,
    Pick<Case, 'id' | 'kind' | 'truth'> {}

interface Traffic {
  readonly calls: ServiceCalls;
  readonly normal: readonly Window[];
  readonly issues: readonly Issue[];
}

function readTraffic({ data, split }: PetshopOptions, traffic: string): Traffic {
  const folder = join(data, traffic);
  const calls = readGraph(join(folder, 'graph.csv'));
  const normal = readPeriods(join(folder, 'noissue', 'metrics.csv'), calls);
  const issues = listFolder(join(folder, split), /^issue_\d+$/, 'issue_N folders').map((path) => ({
    id: `${traffic}/${split}/${basename(path)}`,
    ...readIssue(path, calls, normal),
  }));
  return { calls, normal, issues };
}

function readIssue(path: string, calls: ServiceCalls, normal: readonly Window[]): Omit<Issue, 'id'> {
  const { node: name, metric, timeMs } = readTarget(join(path, 'target.json'));
  const periods = readPeriods(join(path, 'metrics.csv'), calls);
  const near = periods.filter(({ endMs, startMs }) => endMs > timeMs && startMs < timeMs + PERIOD_MS);
  const node = serviceNode(name, calls);
  const asked = askedWindow(node, near, normalOf(node, normal));
  if (asked === undefined) throw new DataError(`${path}: no period near the labelled time saw ${name}`);
  const { window, percentile, thresholdMs } = asked;
  const { callee: service, operation } = serviceRpc(name, calls);
  const before = periods.filter(({ endMs }) => endMs <= timeMs);
  return {
    kind: metric,
    // The undisturbed time is of months later: what it was like is taken, when it was is not.
    history: [...asIfBefore(normal, periods), ...before],
    window,
    objective: { name, service, operation, percentile, thresholdMs },
    truth: () => [{ service: readRootCause(join(path, 'target.json')), resource: null }],
  };
}

/** Moves periods back by whole periods until the newest ends before the others begin. */
function asIfBefore(normal: readonly Window[], periods: readonly Window[]): Window[] {
  const begin = Math.min(...periods.map(({ startMs }) => startMs));
  const end = Math.max(...normal.map(({ endMs }) => endMs));
  const shiftMs = PERIOD_MS * Math.ceil((end - begin) / PERIOD_MS);
  return normal.map((w) => ({ ...w, startMs: w.startMs - shiftMs, endMs: w.endMs - shiftMs }));
}

interface Target {
  readonly node: string;
  readonly metric: string;
  readonly timeMs: number;
}

function readTarget(path: string): Target {
  const target = (readJson(path) as { target?: { [name: string]: unknown } } | null)?.target;
  if (typeof target?.node !== 'string' || typeof target.timestamp !== 'number') {
    throw new DataError(`${path}: target.node must be a name and target.timestamp epoch seconds`);
  }
  return { node: target.node, metric: String(target.metric), timeMs: target.timestamp * 1000 };
}

function readRootCause(path: string): string {
  const cause = (readJson(path) as { root_cause?: { node?: unknown } } | null)?.root_cause;
  if (typeof cause?.node !== 'string') throw new DataError(`${path}: root_cause.node must be a name`);
  return cause.node;
}

/** An adjacency matrix: a row calls the columns that are not 0. */
function readGraph(path: string): ServiceCalls {
  if (!existsSync(path)) throw new DataError(`${path} does not exist; the call graph is expected there`);
  const [header = [], ...rows] = readRows(path);
  const names = header.slice(1);
  const calls = rows.flatMap(([from = '', ...cells], row) => {
    if (!names.includes(from)) throw new DataError(`${path}, line ${row + 2}: '${from}' has no column`);
    return cells.flatMap((cell, column) => {
      const value = numberAt(cell, `${path}, line ${row + 2}, column ${column + 2}`);
      return value === undefined || value === 0 ? [] : [{ from, to: names[column] as string }];
    });
  });
  return { services: names, calls };
}

/**
 * Three rows of headers (microservice, metric, statistic), then a row per period. A service whose latency or requests
 * are missing in a period was not seen in it.
 */
function readPeriods(path: string, calls: ServiceCalls): Window[] {
  const [services = [], metrics = [], statistics = [], ...rows] = readRows(path);
  const columns = new Map(services.map((name, i) => [`${name}\n${metrics[i]}\n${statistics[i]}`, i]));
  const wanted = calls.services.map((service) => ({
    node: serviceNode(service, calls),
    latency: COLUMNS.map((percentile) => columns.get(`${service}\nlatency\n${STATISTICS[percentile]}`)),
    requests: columns.get(`${service}\nrequests\nSum`),
  }));
  if (wanted.every(({ requests }) => requests === undefined)) {
    throw new DataError(`${path} has no columns (service, requests, Sum) of services of the graph`);
  }
  return rows
    .map((row, index) => ({ row, line: index + 4 }))
    .filter(({ row }) => row[0] !== 'unix_timestamp')
    .map(({ row, line }) => {
      const cell = (column: number | undefined) =>
        column === undefined
          ? undefined
          : numberAt(row[column] ?? '', `${path}, line ${line}, column ${column + 1}`);
      const seconds = cell(0);
      if (seconds === undefined) throw new DataError(`${path}, line ${line}: epoch seconds expected first`);
      const latency = new Map<string, LatencyStats>();
      for (const { node, latency: quantiles, requests } of wanted) {
        const [p50, p95, p99] = quantiles.map(cell);
        const count = cell(requests);
        if (p50 === undefined || p95 === undefined || p99 === undefined || count === undefined) continue;
        latency.set(node, { p50Ms: 1000 * p50, p95Ms: 1000 * p95, p99Ms: 1000 * p99, count });
      }
      return { startMs: seconds * 1000, endMs: seconds * 1000 + PERIOD_MS, latency, metrics: new Map() };
    })
    .sort((a, b) => a.startMs - b.startMs);
}
