/**
 * How training and diagnosis grow with an application, against what they may take:
 *
 *     node packages/evaluation/dist/programs/scale.js [services…]
 *
 * Each service has two operations, three callees and a calm past of 200 windows; then one of them slows.
 */
import {
  buildCausalGraph,
  type CallEdge,
  type CausalGraph,
  type LatencyNode,
  type RpcNode,
} from '@sage/causal-graph';
import {
  createRng,
  type FeatureName,
  type LatencyStats,
  type Objective,
  OUTSIDE,
  quantile,
  type Rng,
  type RpcKey,
  rpcId,
  type Window,
} from '@sage/core';
import { fitModel, loadBackend } from '@sage/gvae';
import { diagnose } from '@sage/root-cause';

const WINDOWS = 200;
const WINDOW_MS = 30_000;
const EPOCHS = 10;
const QUESTIONS = 40;
/** Diagnosis p99 up to 200 services, and above; memory. */
const LIMITS = { smallMs: 50, largeMs: 500, bytes: 1.5 * 2 ** 30 };
const BRANCHING = 3;
const OPERATIONS = ['read', 'write'];

const sizes = process.argv.slice(2).map(Number);
const backend = await loadBackend();
let first: number | undefined;
for (const services of sizes.length > 0 ? sizes : [30, 188, 1000]) {
  const random = createRng(services);
  const graph = buildCausalGraph(callGraph(services, random));
  const windows = Array.from({ length: WINDOWS }, (_, i) => observe(graph, i, random));
  const began = performance.now();
  const model = await fitModel(graph, windows, { epochs: EPOCHS });
  const perService = (performance.now() - began) / services / EPOCHS;
  first ??= perService;
  const elapsed: number[] = [];
  let right = 0;
  for (let i = 0; i < QUESTIONS; i++) {
    const slow = `s${1 + random.integer(services - 1)}`;
    const window = observe(graph, WINDOWS + 10, random, slow);
    const objective = objectiveFor(graph, window, windows);
    const asked = performance.now();
    const { verdict, services: ranked } = diagnose(
      { model, window, history: windows, objective },
      { rng: random },
    );
    if (verdict === 'no-violation') continue;
    elapsed.push(performance.now() - asked);
    if (ranked[0]?.service === slow) right += 1;
  }
  const p99 = quantile(elapsed, 0.99);
  const limit = services <= 200 ? LIMITS.smallMs : LIMITS.largeMs;
  const { rss } = process.memoryUsage();
  console.log(
    `${services} services, ${graph.latency.length} latency nodes, ${backend}: ` +
      `training ${perService.toFixed(2)} ms per service and epoch, ratio ${(perService / first).toFixed(2)}; ` +
      `diagnosis p50 ${quantile(elapsed, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ratio to its limit ${(p99 / limit).toFixed(2)}; ` +
      `${right} of ${elapsed.length} right; memory ${(rss / 1e6).toFixed(0)} MB, ratio ${(rss / LIMITS.bytes).toFixed(2)}`,
  );
}

/** A tree of services; each operation of a caller calls about two thirds of its callees' operations. */
function callGraph(count: number, random: Rng) {
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
function observe(graph: CausalGraph, index: number, random: Rng, slow?: string): Window {
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

/** The entry operation that the fault reaches most. */
function objectiveFor(graph: CausalGraph, window: Window, calm: readonly Window[]): Objective {
  const usual = (root: string) =>
    quantile(
      calm.map(({ latency }) => latency.get(root)?.p99Ms ?? 0),
      1,
    );
  const rise = (root: string) => (window.latency.get(root)?.p99Ms ?? 0) / usual(root);
  const root = [...graph.roots].sort((a, b) => rise(b) - rise(a))[0] as string;
  const { rpc } = graph.latency.find(({ id }) => id === root) as LatencyNode;
  return {
    name: root,
    service: rpc.callee,
    operation: rpc.operation,
    percentile: 'p99Ms',
    thresholdMs: 1.02 * usual(root),
  };
}
