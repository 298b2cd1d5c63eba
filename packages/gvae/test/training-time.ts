// node packages/gvae/dist/test/training-time.js [services…]: what an epoch costs on native TensorFlow and on WebAssembly,
// for a tree of so many services, three callees each. Nothing else may run meanwhile, or compare the processor's time.
import { isMainThread, SHARE_ENV, Worker, workerData } from 'node:worker_threads';
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
import { fitModel, loadBackend } from '@sage/gvae';

const FAN_OUT = 3;
const WINDOWS = 400;
const EPOCHS = 5;

interface Task {
  readonly wanted: 'fastest' | 'wasm';
  readonly services: number;
}

const name = (i: number) => `s${i}`;
const rpc = (i: number) => ({
  caller: i === 0 ? OUTSIDE : name(Math.floor((i - 1) / FAN_OUT)),
  callee: name(i),
  operation: 'do',
});
const id = (kind: 'client' | 'server', i: number) => latencyNodeId(kind, rpcId(rpc(i)));
const children = (i: number, count: number) =>
  Array.from({ length: FAN_OUT }, (_, k) => FAN_OUT * i + k + 1).filter((child) => child < count);

/** Indices of the tree from its leaves to its root. */
const upwards = (count: number) => Array.from({ length: count }, (_, i) => count - 1 - i);

function treeGraph(count: number): CausalGraph {
  const link = (node: string) => ({ node, weight: 1, callsPerChild: 1 });
  const latency = upwards(count).flatMap((i): LatencyNode[] => {
    const below = children(i, count).map((child) => link(id('client', child)));
    const server = {
      id: id('server', i),
      kind: 'server',
      rpc: rpc(i),
      owners: [name(i)],
      parents: below,
    } as const;
    if (i === 0) return [server];
    const { caller } = rpc(i);
    return [
      server,
      { id: id('client', i), kind: 'client', rpc: rpc(i), owners: [caller], parents: [link(server.id)] },
    ];
  });
  const services = Array.from({ length: count }, (_, i) => name(i));
  return { fingerprint: 'tree', services, latency, roots: [id('server', 0)] };
}

function treeWindows(count: number): Window[] {
  const rng = createRng(1);
  return Array.from({ length: WINDOWS }, (_, w) => {
    const load = 60 + 40 * Math.sin(w / 6) + 4 * rng.normal();
    const [latency, metrics] = [new Map<string, LatencyStats>(), new Map<string, Map<FeatureName, number>>()];
    const spent = new Map<number, number>();
    for (const i of upwards(count)) {
      const usage = 0.004 * load + 0.05 * Math.abs(rng.normal());
      metrics.set(name(i), new Map([['cpu_usage_cores', usage]]));
      const own = (3 + (i % 5)) * (1 + usage) * Math.exp(0.02 * rng.normal());
      const total = children(i, count).reduce((sum, child) => sum + (spent.get(child) as number) + 0.5, own);
      spent.set(i, total);
      const stats = (p50Ms: number) => ({ p50Ms, p95Ms: 1.5 * p50Ms, p99Ms: 1.9 * p50Ms, count: 1500 });
      latency.set(id('server', i), stats(total));
      if (i > 0) latency.set(id('client', i), stats(total + 0.5));
    }
    return { startMs: w * 30_000, endMs: (w + 1) * 30_000, latency, metrics };
  });
}

async function measure({ wanted, services }: Task): Promise<void> {
  const backend = await loadBackend(wanted);
  const [graph, windows] = [treeGraph(services), treeWindows(services)];
  await fitModel(graph, windows, { epochs: 1 });
  const [wall, processor] = [performance.now(), process.cpuUsage()];
  const { overallR2 } = await fitModel(graph, windows, { epochs: EPOCHS });
  const { user, system } = process.cpuUsage(processor);
  console.log(
    `${services} services, ${backend}: ${((performance.now() - wall) / EPOCHS).toFixed(0)} ms per epoch,`,
    `${((user + system) / 1000 / EPOCHS).toFixed(0)} ms of processor time, R² ${overallR2.toFixed(6)}`,
  );
}

if (isMainThread) {
  const sizes = process.argv.slice(2).map(Number);
  for (const services of sizes.length === 0 ? [28, 190] : sizes) {
    for (const wanted of ['fastest', 'wasm'] as const) {
      const task: Task = { wanted, services };
      const worker = new Worker(new URL(import.meta.url), { workerData: task, env: SHARE_ENV });
      await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    }
  }
} else {
  await measure(workerData);
}
