import type { CausalGraph, LatencyNode } from '@sage/causal-graph';
import {
  createRng,
  type FeatureName,
  type LatencyStats,
  latencyNodeId,
  OUTSIDE,
  rpcId,
  type Window,
} from '@sage/core';

const root = rpcId({ caller: OUTSIDE, callee: 'frontend', operation: 'get' });
const call = (caller: string, callee: string) => ({ caller, callee, operation: 'do' });

export const ROOT = latencyNodeId('server', root);
export const node = (kind: 'client' | 'server', caller: string, callee: string) =>
  latencyNodeId(kind, rpcId(call(caller, callee)));

/** frontend → a → b, and c beside a, off the critical path for the most part. */
export function worldGraph(fingerprint = 'world'): CausalGraph {
  const link = (id: string, weight: number) => ({ node: id, weight, callsPerChild: 1 });
  const pair = (caller: string, callee: string, below: string[]): LatencyNode[] => [
    {
      id: node('server', caller, callee),
      kind: 'server',
      rpc: call(caller, callee),
      owners: [callee],
      parents: below.map((id) => link(id, 1)),
    },
    {
      id: node('client', caller, callee),
      kind: 'client',
      rpc: call(caller, callee),
      owners: [caller],
      parents: [link(node('server', caller, callee), 1)],
    },
  ];
  const latency: LatencyNode[] = [
    ...pair('a', 'b', []),
    ...pair('frontend', 'a', [node('client', 'a', 'b')]),
    ...pair('frontend', 'c', []),
    {
      id: ROOT,
      kind: 'server',
      rpc: { caller: OUTSIDE, callee: 'frontend', operation: 'get' },
      owners: ['frontend'],
      parents: [link(node('client', 'frontend', 'a'), 1), link(node('client', 'frontend', 'c'), 0.1)],
    },
  ];
  return { fingerprint, services: ['frontend', 'a', 'b', 'c'], latency, roots: [ROOT] };
}

/**
 * The same, but a does not wait for b, however slow b is: whoever else came last did. `faultMs` is in b's latency and in
 * that of its calls alone.
 */
export function unmetWindows(count: number, seed: number, faultMs: number): Window[] {
  const slow = worldWindows(count, seed, faultMs);
  return worldWindows(count, seed).map((window, i) => {
    const latency = new Map(window.latency);
    for (const kind of ['server', 'client'] as const) {
      const id = node(kind, 'a', 'b');
      latency.set(id, slow[i]?.latency.get(id) as LatencyStats);
    }
    return { ...window, latency };
  });
}

/** Windows whose own times follow load and processor use with little noise. `faultMs` is added to b's own time. */
export function worldWindows(count: number, seed: number, faultMs = 0): Window[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, (_, i) => {
    const load = 60 + 40 * Math.sin(i / 6) + 4 * rng.normal();
    const latency = new Map<string, LatencyStats>();
    const metrics = new Map<string, Map<FeatureName, number>>();
    const own = (service: string, baseMs: number) => {
      const usage = 0.004 * load + 0.05 * Math.abs(rng.normal());
      metrics.set(service, new Map([['cpu_usage_cores', usage]]));
      return baseMs * (1 + usage) * Math.exp(0.02 * rng.normal());
    };
    const put = (id: string, p50: number, scale: readonly number[] = [1, 1.5, 1.9]) => {
      const [x = 1, y = 1, z = 1] = scale;
      latency.set(id, { p50Ms: p50 * x, p95Ms: p50 * y, p99Ms: p50 * z, count: Math.round(load * 30) });
    };
    const b = own('b', 6);
    put(node('server', 'a', 'b'), b);
    const shift = (id: string) => {
      const stats = latency.get(id) as LatencyStats;
      latency.set(id, {
        ...stats,
        p50Ms: stats.p50Ms + faultMs,
        p95Ms: stats.p95Ms + faultMs,
        p99Ms: stats.p99Ms + faultMs,
      });
    };
    put(node('client', 'a', 'b'), b + 0.5);
    const a = b + 0.5 + own('a', 4);
    put(node('server', 'frontend', 'a'), a);
    put(node('client', 'frontend', 'a'), a + 0.5);
    const c = own('c', 3);
    put(node('server', 'frontend', 'c'), c);
    put(node('client', 'frontend', 'c'), c + 0.5);
    put(ROOT, a + 0.5 + 0.1 * (c + 0.5) + own('frontend', 3));
    for (const id of [node('server', 'a', 'b'), node('client', 'a', 'b'), node('server', 'frontend', 'a')])
      shift(id);
    for (const id of [node('client', 'frontend', 'a'), ROOT]) shift(id);
    return { startMs: i * 30_000, endMs: (i + 1) * 30_000, latency, metrics };
  });
}
