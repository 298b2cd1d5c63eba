import { buildCausalGraph } from '@sage/causal-graph';
import { createRng, latencyNodeId, type Window } from '@sage/core';
import { expect } from 'chai';
import { gvaeLearner } from '../src/learner.js';
import type { TrainingProgress } from '../src/parts.js';

const RPC = '(outside)>cart:get';
const NODE = latencyNodeId('server', RPC);

const graph = buildCausalGraph({
  services: ['cart'],
  rpcs: [
    {
      id: RPC,
      key: { caller: '(outside)', callee: 'cart', operation: 'get' },
      kinds: ['server'],
      count: 100,
    },
  ],
  edges: [],
});

/** Latency that follows the processor, `factor` times over. */
function windows(count: number, factor = 1): Window[] {
  const rng = createRng(1);
  return Array.from({ length: count }, (_, index) => {
    const cores = rng.uniform();
    const p99Ms = factor * (20 + 100 * cores);
    return {
      startMs: 10_000 * index,
      endMs: 10_000 * index + 30_000,
      latency: new Map([[NODE, { p50Ms: p99Ms / 4, p95Ms: p99Ms / 2, p99Ms, count: 300 }]]),
      metrics: new Map([['cart', new Map([['cpu_usage_cores' as const, cores]])]]),
    };
  });
}

describe('the learner', function () {
  this.timeout(60_000);

  const fit = async (
    present: Parameters<typeof gvaeLearner.fit>[0]['present'],
    seen: Window[],
    epochs: number,
  ) => {
    const progress: TrainingProgress[] = [];
    const model = await gvaeLearner.fit({
      graph,
      windows: seen,
      calm: seen,
      epochs,
      seed: 1,
      present,
      signal: new AbortController().signal,
      onProgress: (step) => progress.push(step),
    });
    return { model, progress };
  };

  it('learns again what has drifted, and nothing where nothing has', async () => {
    const { model: present } = await fit(undefined, windows(60), 30);
    const held = await fit(present, windows(60), 30);
    expect(held.model).to.equal(present);
    expect(held.progress).to.deep.equal([]);
    // Windows overlap: every third of them tells something new.
    const drifted = await fit(present, windows(100, 3), 30);
    expect(drifted.model).not.to.equal(present);
    expect(drifted.progress).not.to.deep.equal([]);
  });
});
