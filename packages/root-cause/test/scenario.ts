import type { CausalGraph } from '@sage/causal-graph';
import {
  createRng,
  type FeatureName,
  type LatencyStats,
  PERCENTILES,
  type Percentile,
  type Rng,
  type Window,
} from '@sage/core';
import { CALLS, isStore, NEIGHBOURS, SERVICES } from './hotel.js';
import {
  loadFactor,
  NORMAL_LOAD,
  NORMAL_RUNQUEUE,
  noiseMs,
  ownTimeMs,
  PERCENTILE_FACTOR,
} from './linear-model.js';

/** What is wrong in the last window. `cpu-usage` costs no latency. */
export interface Fault {
  /** A lock shows in latency alone. */
  readonly kind: 'cpu' | 'link' | 'pool' | 'lock' | 'cpu-usage';
  readonly service: string;
  readonly ms?: number;
  /** Whether callers keep connections of a pool while they wait for it. Default true. */
  readonly isPooled?: boolean;
}

export interface ScenarioOptions {
  readonly seed?: number;
  readonly faults?: readonly Fault[];
  /** Requests per second in the last window. */
  readonly load?: number;
  readonly historyWindows?: number;
  /** Services none of whose metrics are read. */
  readonly unmeasured?: readonly string[];
}

export interface Scenario {
  readonly window: Window;
  readonly history: readonly Window[];
}

const WINDOW_MS = 30_000;

export function scenario(graph: CausalGraph, options: ScenarioOptions = {}): Scenario {
  const rng = createRng(options.seed ?? 1);
  const count = options.historyWindows ?? 60;
  const unmeasured = new Set(options.unmeasured);
  const windows = Array.from({ length: count + 1 }, (_, index) => {
    const last = index === count;
    return makeWindow(graph, rng, {
      startMs: index * WINDOW_MS,
      load: last ? (options.load ?? NORMAL_LOAD) : NORMAL_LOAD * (0.85 + 0.3 * rng.uniform()),
      faults: last ? (options.faults ?? []) : [],
      unmeasured,
    });
  });
  return { window: windows[count] as Window, history: windows.slice(0, count) };
}

function makeWindow(
  graph: CausalGraph,
  rng: Rng,
  {
    startMs,
    load,
    faults,
    unmeasured,
  }: { startMs: number; load: number; faults: readonly Fault[]; unmeasured: ReadonlySet<string> },
): Window {
  const added = addedLatency(graph, faults);
  const latency = new Map<string, LatencyStats>();
  for (const node of graph.latency) {
    const value = (percentile: Percentile) => {
      let ms = ownTimeMs(node) * PERCENTILE_FACTOR[percentile] * loadFactor(load) + (added.get(node.id) ?? 0);
      for (const parent of node.parents) ms += latency.get(parent.node)?.[percentile] ?? 0;
      return ms + noiseMs(node, percentile) * rng.normal();
    };
    const [p50Ms, p95Ms, p99Ms] = PERCENTILES.map(value) as [number, number, number];
    latency.set(node.id, { p50Ms, p95Ms, p99Ms, count: Math.round((load * WINDOW_MS) / 1000) });
  }
  const metrics = new Map<string, ReadonlyMap<FeatureName, number>>();
  for (const service of [...SERVICES, 'user']) {
    const readings = makeMetrics(service, rng, { load, faults });
    if (!unmeasured.has(service)) metrics.set(service, readings);
  }
  return { startMs, endMs: startMs + WINDOW_MS, latency, metrics };
}

function addedLatency(graph: CausalGraph, faults: readonly Fault[]): ReadonlyMap<string, number> {
  const added = new Map<string, number>();
  const add = (id: string, ms: number) => added.set(id, (added.get(id) ?? 0) + ms);
  for (const { kind, service, ms = 60 } of faults) {
    for (const node of graph.latency) {
      const { caller, callee } = node.rpc;
      const touches = caller === service || callee === service;
      const store = node.kind === 'client' && node.parents.length === 0;
      const serves = callee === service && (node.kind === 'server' || store);
      if (kind === 'cpu') {
        if (serves) add(node.id, ms);
        if (callee === service && node.kind === 'request') add(node.id, ms / 4);
        if (caller === service && node.kind === 'response') add(node.id, ms / 10);
        const neighbour = NEIGHBOURS.get(service);
        if (callee === neighbour && (node.kind === 'server' || store)) add(node.id, ms / 20);
      }
      if (kind === 'link' && touches) {
        if (node.kind === 'request' || node.kind === 'response') add(node.id, ms / 2);
        if (store) add(node.id, ms);
      }
      if ((kind === 'pool' || kind === 'lock') && serves) add(node.id, ms);
    }
  }
  return added;
}

function makeMetrics(
  service: string,
  rng: Rng,
  { load, faults }: { load: number; faults: readonly Fault[] },
): ReadonlyMap<FeatureName, number> {
  const busy = load / NORMAL_LOAD;
  const around = (mean: number, spread: number) => Math.max(0, mean + spread * rng.normal());
  const metrics = new Map<FeatureName, number>([
    ['cpu_usage_cores', around(0.2 * busy, 0.01)],
    ['cpu_host_busy_ratio', around(0.4 * busy, 0.02)],
    ['cpu_runqueue_wait_ratio', around(NORMAL_RUNQUEUE * loadFactor(load), 0.01)],
    ['cpu_throttled_ratio', 0],
    ['network_probe_ms', around(0.3, 0.05)],
    ['network_receive_bytes_per_second', around(1e5 * busy, 5e3)],
  ]);
  if (!isStore(service)) {
    metrics.set('software_pool_pending', around(0.05 * loadFactor(load), 0.03));
    metrics.set('software_pool_wait_ms', around(0.5 * loadFactor(load), 0.2));
    metrics.set('software_event_loop_lag_ms', around(12, 1));
  }
  const raise = (feature: FeatureName, by: number) => {
    const value = metrics.get(feature);
    if (value !== undefined) metrics.set(feature, value + by);
  };
  for (const { kind, service: faulty, ms = 60, isPooled = true } of faults) {
    const here = faulty === service;
    if (kind === 'cpu') {
      raise('cpu_runqueue_wait_ratio', here ? 0.7 : NEIGHBOURS.get(faulty) === service ? 0.25 : 0);
      raise('cpu_host_busy_ratio', here || NEIGHBOURS.get(faulty) === service ? 0.5 : 0);
      raise('software_event_loop_lag_ms', here ? ms : 0);
      raise('network_probe_ms', here ? 6 : 0);
      raise('software_pool_wait_ms', here ? 20 : 0);
    }
    if (kind === 'link') raise('network_probe_ms', here ? ms : 0);
    if (kind === 'pool' && here) {
      raise('software_pool_pending', 20);
      raise('software_pool_wait_ms', ms);
    }
    if (kind === 'cpu-usage' && here) {
      raise('cpu_usage_cores', 0.8);
      raise('cpu_host_busy_ratio', 0.5);
    }
    // A slow callee keeps the connections of its caller's pool busy.
    const calls = CALLS.some(([caller, callee]) => caller === service && callee === faulty);
    if (kind !== 'cpu-usage' && isPooled && calls) {
      raise('software_pool_pending', 5);
      raise('software_pool_wait_ms', ms / 2);
    }
  }
  return metrics;
}
