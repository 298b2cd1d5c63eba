import type { CallEdge, CausalGraph, RpcNode } from '@sage/causal-graph';
import {
  type FeatureName,
  type LatencyNodeId,
  type LatencyStats,
  OUTSIDE,
  PERCENTILES,
  type Percentile,
  quantileOfSorted,
  type ReplicaReading,
  type Rng,
  type RpcKey,
  replicaJoin,
  rpcId,
  type Window,
} from '@sage/core';

const WINDOW_MS = 30_000;
const SLOWED_MS = 200;
/** p50, p95 and p99 of whatever computes, in its medians. */
const TAIL: readonly number[] = [1, 1.5, 2];
const QUANTILES: readonly number[] = [0.5, 0.95, 0.99];
/** Ranks at which each part of a mixture is read. */
const RANKS = 200;
const BRANCHING = 3;
const OPERATIONS = ['read', 'write'];

export interface CallTree {
  readonly services: readonly string[];
  readonly rpcs: readonly RpcNode[];
  readonly edges: readonly CallEdge[];
}

/** A tree of services; each operation of a caller calls about two thirds of its callees' operations. */
export function treeCalls(count: number, random: Rng): CallTree {
  const rpcs: RpcNode[] = [];
  const edges: CallEdge[] = [];
  const served: string[][] = [];
  const add = (key: RpcKey, kinds: RpcNode['kinds']): string => {
    const id = rpcId(key);
    rpcs.push({ id, key, kinds, count: 1000 });
    return id;
  };
  for (let s = 0; s < count; s++) {
    const callee = `s${s}`;
    if (s === 0) {
      served.push(OPERATIONS.map((operation) => add({ caller: OUTSIDE, callee, operation }, ['server'])));
      continue;
    }
    const parent = Math.floor((s - 1) / BRANCHING);
    served.push(
      OPERATIONS.map((operation) => {
        const key = { caller: `s${parent}`, callee, operation };
        const child = add(key, ['client', 'request', 'response', 'server']);
        for (const from of served[parent] ?? []) {
          if (random.uniform() > 2 / 3) continue;
          edges.push({ parent: from, child, callsPerParent: 1, criticality: 1, awaited: 1, beside: [] });
        }
        return child;
      }),
    );
  }
  return { services: served.map((_, s) => `s${s}`), rpcs, edges };
}

/** Whose calls compute for 200 ms more and wait for their processor. */
export interface Slowed {
  readonly service: string;
  /** One of its replicas; absent: all of them. */
  readonly replica?: string;
}

export interface TreeWindowOptions {
  readonly random: Rng;
  /** Of every service; default 1. */
  readonly replicas?: number;
  readonly slow?: Slowed | undefined;
}

export function replicasOf(service: string, replicas: number): readonly string[] {
  return Array.from({ length: replicas }, (_, r) => `${service}-${r}`);
}

/** What is seen of the tree in one window: of every service together, and of each replica where there are several. */
export function observeTree(
  graph: CausalGraph,
  index: number,
  { random, replicas: count = 1, slow }: TreeWindowOptions,
): Window {
  const load = 50 + 30 * Math.sin(index / 30) + 3 * random.normal();
  const isSlow = (service: string, replica: string): boolean =>
    service === slow?.service && (slow.replica ?? replica) === replica;
  const metrics = new Map<string, ReadonlyMap<FeatureName, number>>();
  const replicas = new Map<string, Map<string, ReplicaReading>>();
  for (const service of graph.services) {
    const read = new Map(
      replicasOf(service, count).map((replica) => [
        replica,
        metricsOf(load / count, isSlow(service, replica), random),
      ]),
    );
    metrics.set(service, joined([...read.values()]));
    replicas.set(
      service,
      new Map([...read].map(([replica, own]) => [replica, { latency: undefined, metrics: own }])),
    );
  }
  const latency = new Map<LatencyNodeId, LatencyStats>();
  for (const node of graph.latency) {
    const service = node.rpc.callee;
    const calls = Math.round(30 * load);
    const handed = QUANTILES.map((_, q) =>
      node.parents.reduce((sum, link) => sum + link.weight * quantileOf(latency.get(link.node), q), 0),
    );
    const base = node.kind === 'server' ? 2 : 0.2;
    const usual = base * (1 + load / 100) * Math.exp(0.03 * random.normal());
    const slowed = (replica: string) => node.kind === 'server' && isSlow(service, replica);
    const own = new Map(
      replicasOf(service, count).map((replica) => [
        replica,
        TAIL.map((factor) => factor * (usual + (slowed(replica) ? SLOWED_MS : 0))),
      ]),
    );
    const mixed = mixture([...own.values()]);
    latency.set(
      node.id,
      statsOf(
        handed.map((ms, q) => ms + (mixed[q] as number)),
        calls,
      ),
    );
    if (node.kind !== 'server' || count === 1) continue;
    for (const [replica, took] of own) {
      const jitter = Math.exp(0.03 * random.normal());
      const stats = statsOf(
        took.map((ms, q) => jitter * (ms + (handed[q] as number))),
        calls / count,
      );
      const known = replicas.get(service) ?? new Map<string, ReplicaReading>();
      known.set(replica, beside(known.get(replica), stats));
    }
  }
  const window = { startMs: index * WINDOW_MS, endMs: (index + 1) * WINDOW_MS, latency, metrics };
  return count > 1 ? { ...window, replicas } : window;
}

function metricsOf(load: number, isSlow: boolean, random: Rng): ReadonlyMap<FeatureName, number> {
  return new Map<FeatureName, number>([
    ['cpu_usage_cores', 0.004 * load + 0.01 * random.normal()],
    ['cpu_runqueue_wait_ratio', (isSlow ? 0.5 : 0) + Math.abs(0.01 * random.normal())],
    ['memory_working_set_bytes', 1e8 + 1e6 * random.normal()],
    ['network_receive_bytes_per_second', 1e3 * load],
    ['network_probe_ms', 0.3 + 0.02 * random.normal()],
  ]);
}

/** Of a service, from those of its replicas. */
function joined(read: readonly ReadonlyMap<FeatureName, number>[]): ReadonlyMap<FeatureName, number> {
  const [first = new Map<FeatureName, number>(), ...others] = read;
  return new Map(
    [...first].map(([feature, value]) => {
      const values = [value, ...others.map((own) => own.get(feature) ?? 0)];
      const sum = values.reduce((total, own) => total + own, 0);
      return [feature, replicaJoin(feature) === 'sum' ? sum : Math.max(...values)];
    }),
  );
}

/** The quantiles of calls that are spread evenly over what have these. */
function mixture(parts: readonly (readonly number[])[]): readonly number[] {
  const [first = []] = parts;
  if (parts.every((part) => part.every((ms, q) => ms === first[q]))) return first;
  const calls = parts.flatMap((part) =>
    Array.from({ length: RANKS }, (_, i) => between(part, (i + 0.5) / RANKS)),
  );
  const sorted = calls.sort((a, b) => a - b);
  return QUANTILES.map((q) => quantileOfSorted(sorted, q));
}

/** Between known quantiles linearly, from half the median on. */
function between([p50 = 0, p95 = 0, p99 = 0]: readonly number[], rank: number): number {
  if (rank <= 0.5) return p50 * (0.5 + rank);
  if (rank <= 0.95) return p50 + ((rank - 0.5) / 0.45) * (p95 - p50);
  return p95 + Math.min(1, (rank - 0.95) / 0.04) * (p99 - p95);
}

function statsOf([p50Ms = 0, p95Ms = 0, p99Ms = 0]: readonly number[], calls: number): LatencyStats {
  return { p50Ms, p95Ms, p99Ms, count: Math.round(calls) };
}

function quantileOf(stats: LatencyStats | undefined, q: number): number {
  return stats?.[PERCENTILES[q] as Percentile] ?? 0;
}

/** A replica that serves one operation more: of as many calls each the mean will do. */
function beside(before: ReplicaReading | undefined, more: LatencyStats): ReplicaReading {
  const { latency: known, metrics = new Map() } = before ?? {};
  if (known === undefined) return { latency: more, metrics };
  const mean = PERCENTILES.map((percentile) => (known[percentile] + more[percentile]) / 2);
  return { latency: statsOf(mean, known.count + more.count), metrics };
}
