/**
 * What learning again costs after one service changed, in part against from scratch, and whether it is as good:
 *
 *     node packages/evaluation/dist/programs/retraining.js [services] [windows]
 *
 * A tree of 30 services is learnt from 2,880 windows of 30 s. Then one of its services is measured better; then a new
 * one comes between a caller and its callee. Each time the model is brought up to date and learnt from scratch, from
 * the same windows after the change; both R² are on the same held-out ones of these. Seconds are of processor time, which
 * work beside it changes little.
 */
import { buildCausalGraph, type CausalGraph } from '@sage/causal-graph';
import { createRng, type FeatureName, type Rng, rpcId, type Window } from '@sage/core';
import { type FittedModel, fitModel, loadBackend, planRetraining } from '@sage/gvae';
import { type CallTree, observeTree, treeCalls } from '../src/experiments/tree-world.js';

const [services = 30, count = 2880] = process.argv.slice(2).map(Number);
/** In the middle of the tree: it has a caller and callees. */
const CHANGED = 's4';
const INSERTED = 'inserted';
const WANTED_RATIO = 10;

const backend = await loadBackend();
const random = createRng(services);
const calls = treeCalls(services, random);
const graph = buildCausalGraph(calls);
const first = observed(graph);
const [present, seconds] = await timed(() => fitModel(graph, first));
console.log(
  `${services} services, ${count} windows, ${backend}: learnt in ${seconds.toFixed(1)} s, R² ${present.overallR2.toFixed(3)}`,
);
await compare('a metric more', graph, observed(graph).map(withMetric));
const longer = buildCausalGraph(insert(calls, random));
await compare('a service inserted', longer, observed(longer));

async function compare(what: string, now: CausalGraph, windows: readonly Window[]): Promise<void> {
  const plan = planRetraining(present, now, windows);
  const [partial, partialSeconds] = await timed(() => fitModel(now, windows, { present }));
  const [scratch, scratchSeconds] = await timed(() => fitModel(now, windows));
  const ratio = scratchSeconds / partialSeconds;
  console.log(
    `${what} (${plan.kind}: ${plan.services.join(', ')}): in part ${partialSeconds.toFixed(1)} s, R² ${partial.overallR2.toFixed(3)}; ` +
      `from scratch ${scratchSeconds.toFixed(1)} s, R² ${scratch.overallR2.toFixed(3)}; ` +
      `${ratio.toFixed(1)} times as fast, wanted ${WANTED_RATIO}`,
  );
}

async function timed(work: () => Promise<FittedModel>): Promise<readonly [FittedModel, number]> {
  const began = process.cpuUsage();
  const model = await work();
  const { user, system } = process.cpuUsage(began);
  return [model, (user + system) / 1e6];
}

function observed(now: CausalGraph): Window[] {
  return Array.from({ length: count }, (_, i) => observeTree(now, i, { random }));
}

function withMetric(window: Window): Window {
  const before = window.metrics.get(CHANGED) ?? new Map<FeatureName, number>();
  const more = new Map([...before, ['disk_wait_ratio', Math.abs(0.01 * random.normal())] as const]);
  return { ...window, metrics: new Map([...window.metrics, [CHANGED, more]]) };
}

/** The callers of one service call a new one instead, whose operations each call one of the service's. */
function insert({ services: names, rpcs, edges }: CallTree, rng: Rng): CallTree {
  const renamed = new Map<string, string>();
  const added: CallTree['rpcs'][number][] = [];
  const kept = rpcs.map((rpc) => {
    if (rpc.key.callee !== CHANGED) return rpc;
    const key = { ...rpc.key, caller: INSERTED };
    const between = { ...rpc.key, callee: INSERTED };
    added.push({ ...rpc, id: rpcId(between), key: between });
    renamed.set(rpc.id, rpcId(key));
    return { ...rpc, id: rpcId(key), key };
  });
  const handOver = added.map(({ id }, i) => ({
    parent: id,
    child: [...renamed.values()][i] as string,
    callsPerParent: 1,
    criticality: 0.9 + 0.1 * rng.uniform(),
    awaited: 1,
    beside: [],
  }));
  const moved = edges.map((edge) => {
    const parent = renamed.get(edge.parent) ?? edge.parent;
    const at = [...renamed.keys()].indexOf(edge.child);
    return { ...edge, parent, child: at < 0 ? edge.child : (added[at]?.id as string) };
  });
  return { services: [...names, INSERTED], rpcs: [...kept, ...added], edges: [...moved, ...handOver] };
}
