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

/** Latency that follows the processor. */
function windows(count: number): Window[] {
  const rng = createRng(1);
  return Array.from({ length: count }, (_, index) => {
    const cores = rng.uniform();
    const p99Ms = 20 + 100 * cores;
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

  it('goes on from the present model', async () => {
    const fit = async (present: Parameters<typeof gvaeLearner.fit>[0]['present'], epochs: number) => {
      const progress: TrainingProgress[] = [];
      const model = await gvaeLearner.fit({
        graph,
        windows: windows(60),
        epochs,
        seed: 1,
        present,
        signal: new AbortController().signal,
        onProgress: (step) => progress.push(step),
      });
      return { model, firstLoss: progress[0]?.loss as number };
    };
    const first = await fit(undefined, 30);
    const anew = await fit(undefined, 1);
    const further = await fit(first.model, 1);
    expect(further.firstLoss).to.be.below(anew.firstLoss);
  });
});
