/**
 * How training and diagnosis grow with an application, against what they may take:
 *
 *     node packages/evaluation/dist/programs/scale.js [services…]
 *
 * Each service has two operations, three callees and a calm past of 200 windows; then one of them slows.
 */
import { buildCausalGraph, type CausalGraph, type LatencyNode } from '@sage/causal-graph';
import { createRng, type Objective, OUTSIDE, quantile, type Window } from '@sage/core';
import { fitModel, loadBackend } from '@sage/gvae';
import { diagnose, rehearsalOf } from '@sage/root-cause';
import { observeTree, treeCalls } from './tree-world.js';

const WINDOWS = 200;
const EPOCHS = 10;
const QUESTIONS = 40;
/** Not timed: a server has rehearsed, too, when it is asked. */
const REHEARSALS = 8;
/** Diagnosis p99 up to 200 services, and above; memory. */
const LIMITS = { smallMs: 50, largeMs: 500, bytes: 1.5 * 2 ** 30 };

const sizes = process.argv.slice(2).map(Number);
const backend = await loadBackend();
let first: number | undefined;
for (const services of sizes.length > 0 ? sizes : [30, 188, 1000]) {
  const random = createRng(services);
  const graph = buildCausalGraph(treeCalls(services, random));
  const windows = Array.from({ length: WINDOWS }, (_, i) => observeTree(graph, i, random));
  const began = performance.now();
  const model = await fitModel(graph, windows, { epochs: EPOCHS });
  const perService = (performance.now() - began) / services / EPOCHS;
  first ??= perService;
  for (let i = 0; i < REHEARSALS; i++) {
    const calm = observeTree(graph, WINDOWS + i, random);
    const question = rehearsalOf(windows, objectiveFor(graph, calm, windows));
    if (question !== undefined) diagnose({ model, ...question }, { rng: random });
  }
  const elapsed: number[] = [];
  let right = 0;
  for (let i = 0; i < QUESTIONS; i++) {
    const slow = `s${1 + random.integer(services - 1)}`;
    const window = observeTree(graph, WINDOWS + 10, random, slow);
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
