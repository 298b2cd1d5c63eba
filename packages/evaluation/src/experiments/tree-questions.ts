import { buildCausalGraph, type CausalGraph, type LatencyNode } from '@sage/causal-graph';
import {
  createRng,
  type Objective,
  OUTSIDE,
  quantile,
  type Rng,
  type Window,
  WindowPacker,
} from '@sage/core';
import { type FittedModel, fitModel } from '@sage/gvae';
import { diagnose, rehearsalOf } from '@sage/root-cause';
import type { StepContext } from './step.js';
import { observeTree, replicasOf, type Slowed, treeCalls } from './tree-world.js';

/** Not timed: a server has rehearsed, too, when it is asked. */
const REHEARSALS = 8;
/** For each question so many services may turn out to be of too little consequence to break an objective. */
const TRIES = 50;
/** Newest windows that an engine keeps the replicas of. */
const REPLICA_WINDOWS = 60;

export interface TreeOptions {
  /** Each has two operations, three callees and a calm past of so many windows; then one of them slows. */
  readonly services: number;
  readonly windows: number;
  /** At most. */
  readonly epochs: number;
  readonly questions: number;
  /** Of each service; default 1. Of several every other time one alone slows. */
  readonly replicas?: number;
}

/** What training and diagnosis of an application of some size cost. */
export interface TreeResult {
  readonly services: number;
  readonly latencyNodes: number;
  readonly trainSeconds: number;
  readonly trainMsPerServiceAndEpoch: number;
  /** null where no question was asked. */
  readonly p50DiagnoseMs: number | null;
  readonly p99DiagnoseMs: number | null;
  /** Questions in which the objective broke, and those whose first answer was right. */
  readonly asked: number;
  readonly right: number;
  /** Questions about one replica that slowed, and those in which it was named. */
  readonly askedOfReplica: number;
  readonly rightReplica: number;
  readonly memoryBytes: number;
}

/** Learns a tree of services and asks which of them is slow. */
export async function measureTree(options: TreeOptions, context: StepContext): Promise<TreeResult> {
  const { services, questions, epochs, replicas = 1 } = options;
  const { nowMs, progress, memoryBytes } = context;
  const random = createRng(context.seed).fork(`tree of ${services}`);
  const graph = buildCausalGraph(treeCalls(services, random));
  const packer = new WindowPacker();
  const windows = Array.from({ length: options.windows }, (_, i) =>
    packer.pack(remembered(observeTree(graph, i, { random, replicas }), options.windows - i)),
  );
  const began = nowMs();
  const model = await fitModel(graph, windows, {
    epochs,
    seed: context.seed,
    onProgress: ({ epoch }) => progress(epoch / epochs / 2, `${services} services: epoch ${epoch}`),
  });
  const trainMs = nowMs() - began;
  rehearse(graph, model, windows, { random, replicas });
  const elapsed: number[] = [];
  let [right, askedOfReplica, rightReplica] = [0, 0, 0];
  for (let tries = 0; elapsed.length < questions && tries < TRIES * questions; tries++) {
    progress(0.5 + elapsed.length / questions / 2, `${services} services: question ${elapsed.length + 1}`);
    const slow = slowed(`s${1 + random.integer(services - 1)}`, tries % 2 === 0 ? 1 : replicas, random);
    const window = observeTree(graph, windows.length + 10, { random, replicas, slow });
    const objective = objectiveFor(graph, window, windows);
    const asked = nowMs();
    const found = diagnose({ model, window, history: windows, objective }, { rng: random });
    if (found.verdict === 'no-violation') continue;
    elapsed.push(nowMs() - asked);
    if (found.services[0]?.service === slow.service) right += 1;
    if (slow.replica === undefined) continue;
    askedOfReplica += 1;
    if (found.culprits.some(({ replica }) => replica === slow.replica)) rightReplica += 1;
  }
  return {
    services,
    latencyNodes: graph.latency.length,
    trainSeconds: trainMs / 1000,
    trainMsPerServiceAndEpoch: trainMs / services / epochs,
    p50DiagnoseMs: elapsed.length === 0 ? null : quantile(elapsed, 0.5),
    p99DiagnoseMs: elapsed.length === 0 ? null : quantile(elapsed, 0.99),
    asked: elapsed.length,
    right,
    askedOfReplica,
    rightReplica,
    memoryBytes: memoryBytes(),
  };
}

/** As an engine remembers a window after so many others. */
function remembered(window: Window, age: number): Window {
  if (age <= REPLICA_WINDOWS) return window;
  const { replicas: _, ...rest } = window;
  return rest;
}

function slowed(service: string, replicas: number, random: Rng): Slowed {
  if (replicas < 2) return { service };
  return { service, replica: replicasOf(service, replicas)[random.integer(replicas)] as string };
}

function rehearse(
  graph: CausalGraph,
  model: FittedModel,
  windows: readonly Window[],
  options: { readonly random: Rng; readonly replicas: number },
): void {
  for (let i = 0; i < REHEARSALS; i++) {
    const calm = observeTree(graph, windows.length + i, options);
    const question = rehearsalOf(windows, objectiveFor(graph, calm, windows));
    if (question !== undefined) diagnose({ model, ...question }, { rng: options.random });
  }
}

/** The entry operation that the fault reaches most. */
function objectiveFor(graph: CausalGraph, window: Window, calm: readonly Window[]): Objective {
  const usual = (root: string) =>
    quantile(
      calm.map(({ latency }) => latency.get(root)?.p99Ms ?? 0),
      1,
    );
  const rise = (root: string) => (window.latency.get(root)?.p99Ms ?? 0) / usual(root);
  // Operations that nobody happens to call are roots, too, and no entries.
  const entries = graph.latency.filter(({ id, rpc }) => graph.roots.includes(id) && rpc.caller === OUTSIDE);
  const { id: root, rpc } = entries.sort((a, b) => rise(b.id) - rise(a.id))[0] as LatencyNode;
  return {
    name: root,
    service: rpc.callee,
    operation: rpc.operation,
    percentile: 'p99Ms',
    thresholdMs: 1.02 * usual(root),
  };
}
