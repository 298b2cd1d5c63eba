import type { CallEdge, CausalGraph, RpcNode } from '@sage/causal-graph';
import {
  type FeatureName,
  type LatencyStats,
  OUTSIDE,
  type Rng,
  type RpcKey,
  rpcId,
  type Window,
} from '@sage/core';

const WINDOW_MS = 30_000;
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

/** One window; `slow` computes for 200 ms more and waits for its processor. */
export function observeTree(graph: CausalGraph, index: number, random: Rng, slow?: string): Window {
  const load = 50 + 30 * Math.sin(index / 30) + 3 * random.normal();
  const metrics = new Map<string, Map<FeatureName, number>>();
  for (const service of graph.services) {
    metrics.set(
      service,
      new Map<FeatureName, number>([
        ['cpu_usage_cores', 0.004 * load + 0.01 * random.normal()],
        ['cpu_runqueue_wait_ratio', (service === slow ? 0.5 : 0) + Math.abs(0.01 * random.normal())],
        ['memory_working_set_bytes', 1e8 + 1e6 * random.normal()],
        ['network_receive_bytes_per_second', 1e3 * load],
        ['network_probe_ms', 0.3 + 0.02 * random.normal()],
      ]),
    );
  }
  const latency = new Map<string, LatencyStats>();
  const p50 = new Map<string, number>();
  for (const node of graph.latency) {
    const handed = node.parents.reduce((sum, link) => sum + link.weight * (p50.get(link.node) ?? 0), 0);
    const base = node.kind === 'server' ? 2 : 0.2;
    const added = node.kind === 'server' && node.rpc.callee === slow ? 200 : 0;
    const own = base * (1 + load / 100) * Math.exp(0.03 * random.normal()) + added;
    p50.set(node.id, handed + own);
    const p50Ms = handed + own;
    latency.set(node.id, { p50Ms, p95Ms: 1.5 * p50Ms, p99Ms: 2 * p50Ms, count: Math.round(30 * load) });
  }
  return { startMs: index * WINDOW_MS, endMs: (index + 1) * WINDOW_MS, latency, metrics };
}
