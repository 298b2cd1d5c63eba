import { join } from 'node:path';
import type { CallGraph } from '@sage/causal-graph';
import {
  type LatencyKind,
  type LatencyStats,
  latencyNodeId,
  median,
  OUTSIDE,
  type RpcKey,
  rpcId,
} from '@sage/core';
import { callShares, type ServiceCalls } from '../data/call-tree.js';
import { Table } from '../data/files.js';
import { DataError } from '../observed.js';
import { type Minute, minutesBetween, rowTime } from './nezha-minutes.js';
import { entryService, frontStats, metricsOf, servedStats, type Topology } from './nezha-topology.js';

const OPERATION = 'all';
type Call = ServiceCalls['calls'][number];

/**
 * Online Boutique: `dependency.csv` says who calls whom, `source_50.csv` and `destination_50.csv` the median of each
 * such call as the caller and as the callee saw it. An RPC per pair of services:
 *
 * | node | p50 | p95, p99 |
 * |---|---|---|
 * | server | destination; where it is missing, that of all that the callee serves | those of all that the callee serves |
 * | request | source − destination: the way there and back | the same, no more being known |
 * | client | source | those of the server and the way together |
 */
export function boutiqueTopology(folder: string, minutes: readonly Minute[]): Topology {
  const entry = entryService(minutes, folder);
  const pods = new Set(minutes.flatMap((minute) => [...minute.pods.keys()]));
  const calls = readDependencies(join(folder, 'metric', 'dependency.csv'), pods);
  const source = readMedians(join(folder, 'metric', 'source_50.csv'), calls, minutes);
  const destination = readMedians(join(folder, 'metric', 'destination_50.csv'), calls, minutes);
  const rootNode = latencyNodeId('server', rpcId(rootKey(entry)));
  return {
    entry: { service: entry, operation: OPERATION },
    callGraph: callGraphOf({ services: [...pods], calls }, { entry, minutes, source, destination }),
    windowOf: (minute) => {
      const latency = new Map<string, LatencyStats>();
      const front = frontStats(minute, minute.pods.get(entry));
      if (front !== undefined) latency.set(rootNode, front);
      for (const call of calls) {
        const pod = minute.pods.get(call.to);
        const served = pod && servedStats(pod);
        if (served === undefined) continue;
        // A callee that is starved reports no median at times while its caller does.
        const serverMs = destination(call, minute) ?? served.p50Ms;
        const id = rpcId(keyOf(call));
        const count = callsIn(minute, call, calls);
        const stats = (wayMs: number): LatencyStats => ({
          p50Ms: serverMs + wayMs,
          p95Ms: Math.max(serverMs, served.p95Ms) + wayMs,
          p99Ms: Math.max(serverMs, served.p99Ms) + wayMs,
          count,
        });
        latency.set(latencyNodeId('server', id), stats(0));
        const clientMs = source(call, minute);
        if (clientMs === undefined) continue;
        // Medians of two histograms: the smaller may come out the larger.
        const wayMs = Math.max(0, clientMs - serverMs);
        latency.set(latencyNodeId('request', id), { p50Ms: wayMs, p95Ms: wayMs, p99Ms: wayMs, count });
        latency.set(latencyNodeId('client', id), stats(wayMs));
      }
      return { startMs: minute.startMs, endMs: minute.endMs, latency, metrics: metricsOf(minute) };
    },
  };
}

function keyOf({ from, to }: Call): RpcKey {
  return { caller: from, callee: to, operation: OPERATION };
}

function rootKey(entry: string): RpcKey {
  return { caller: OUTSIDE, callee: entry, operation: OPERATION };
}

/** Of the callee's calls the part that the caller's own are of those of all its callers. */
function callsIn({ pods }: Minute, { from, to }: Call, calls: readonly Call[]): number {
  const count = (service: string) => pods.get(service)?.count ?? 0;
  const all = calls.filter((call) => call.to === to).reduce((sum, call) => sum + count(call.from), 0);
  return all === 0 ? count(to) : (count(to) * count(from)) / all;
}

type Medians = (call: Call, minute: Minute) => number | undefined;

interface Measured {
  readonly entry: string;
  readonly minutes: readonly Minute[];
  readonly source: Medians;
  readonly destination: Medians;
}

function callGraphOf(service: ServiceCalls, { entry, minutes, source, destination }: Measured): CallGraph {
  const { services, calls } = service;
  const typical = (read: (minute: Minute) => number | undefined) => {
    const values = minutes.flatMap((minute) => read(minute) ?? []);
    return values.length === 0 ? 0 : median(values);
  };
  const count = (name: string) => typical(({ pods }) => pods.get(name)?.count);
  const servers = (name: string) => calls.filter(({ to }) => to === name);
  const shares = callShares(service, {
    count,
    servedMs: (name) =>
      name === entry
        ? typical(({ front }) => front?.p50Ms)
        : Math.max(0, ...servers(name).map((call) => typical((minute) => destination(call, minute)))),
    calledMs: (from, to) => typical((minute) => source({ from, to }, minute)),
  });
  const kinds: readonly LatencyKind[] = ['client', 'request', 'server'];
  const root = rootKey(entry);
  return {
    services: [...services].sort(),
    rpcs: [
      { id: rpcId(root), key: root, kinds: ['server'], count: count(entry) },
      ...calls.map((call) => {
        const key = keyOf(call);
        return { id: rpcId(key), key, kinds, count: typical((minute) => callsIn(minute, call, calls)) };
      }),
    ],
    // Whoever called a service, it makes the same calls.
    edges: shares.flatMap(({ from, to, ...share }) =>
      [...(from === entry ? [root] : []), ...servers(from).map(keyOf)].map((parent) => ({
        parent: rpcId(parent),
        child: rpcId(keyOf({ from, to })),
        ...share,
      })),
    ),
  };
}

/** `Source,Target,Weight`; targets outside the application are addresses. */
function readDependencies(path: string, pods: ReadonlySet<string>): Call[] {
  const table = new Table(path);
  const source = table.column('Source');
  const target = table.column('Target');
  const calls = table.rows
    .map((_, row) => ({ from: table.text(row, source), to: table.text(row, target) }))
    .filter(({ from, to }) => from !== to && pods.has(from) && pods.has(to));
  if (calls.length === 0) throw new DataError(`${path} has no call between services that have pods`);
  return calls;
}

/** A column `<caller>_<callee>` per call, seconds. */
function readMedians(path: string, calls: readonly Call[], minutes: readonly Minute[]): Medians {
  const table = new Table(path);
  const beginMs = minutes[0]?.endMs ?? 0;
  const rows = new Map(
    table.rows.map((_, row) => [minutesBetween(beginMs, rowTime(table, 'time', row)), row]),
  );
  const columns = new Map(calls.map((call) => [rpcId(keyOf(call)), table.column(`${call.from}_${call.to}`)]));
  return (call, { endMs }) => {
    const row = rows.get(minutesBetween(beginMs, endMs));
    const column = columns.get(rpcId(keyOf(call)));
    const seconds = row === undefined || column === undefined ? undefined : table.number(row, column);
    return seconds === undefined ? undefined : 1000 * seconds;
  };
}
