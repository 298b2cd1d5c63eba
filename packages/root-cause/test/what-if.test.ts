import type { CausalModel, PredictOptions } from '@sage/causal-graph';
import { createRng, latencyNodeId, rpcId, type Window } from '@sage/core';
import { expect } from 'chai';
import { diagnose, type Restoration, whatIf } from '../src/index.js';
import { hotelGraph, OBJECTIVE } from './hotel.js';
import { linearModel } from './linear-model.js';
import { type ScenarioOptions, scenario } from './scenario.js';

const graph = hotelGraph();
const SAMPLES = 256;

describe('what if', () => {
  const world = (options: ScenarioOptions = {}) => ({
    model: linearModel(graph),
    objective: OBJECTIVE,
    ...scenario(graph, { faults: [{ kind: 'cpu', service: 'geo' }], ...options }),
  });
  const ask = (input: ReturnType<typeof world>, ...parts: readonly Restoration[]) =>
    whatIf(parts, input, { rng: createRng(5), samples: SAMPLES });

  it('is answered as in a diagnosis', () => {
    const input = world();
    const { services } = diagnose(input, { rng: createRng(7), samples: SAMPLES });
    expect(services.length).to.be.above(3);
    for (const { service, counterfactualMs, probability } of services) {
      const answer = ask(input, { service });
      expect(answer?.medianMs, service).to.be.closeTo(counterfactualMs, 1);
      expect(answer?.probability, service).to.be.closeTo(probability, 0.05);
    }
  });

  it('tells the resource at fault from another', () => {
    const input = world();
    expect(ask(input, { service: 'geo', resource: 'cpu' })?.probability).to.be.above(0.95);
    expect(ask(input, { service: 'geo', resource: 'disk' })?.probability).to.be.below(0.05);
  });

  it('has the model know how much longer services out of the ordinary took by themselves, where means tell', () => {
    const input = world();
    const told = (hasMeans: boolean) => {
      const withMeans = (window: Window): Window => ({
        ...window,
        latency: new Map([...window.latency].map(([id, stats]) => [id, { ...stats, meanMs: stats.p50Ms }])),
      });
      const seen = hasMeans
        ? { window: withMeans(input.window), history: input.history.map(withMeans) }
        : { window: input.window, history: input.history };
      const asked: PredictOptions[] = [];
      const predict: CausalModel['predict'] = (abduction, intervention, options) => {
        asked.push(options);
        return input.model.predict(abduction, intervention, options);
      };
      ask({ ...input, ...seen, model: { ...input.model, predict } }, { service: 'frontend' });
      return asked[0]?.ownDelays;
    };
    const geo = latencyNodeId('server', rpcId({ caller: 'search', callee: 'geo', operation: '/geo' }));
    expect([...(told(true)?.keys() ?? [])]).to.include(geo);
    // 3 ms of its own and 60 ms of the fault.
    expect(told(true)?.get(geo)?.delayMs).to.be.closeTo(60, 1);
    expect(told(false)?.size).to.equal(0);
  });

  it('is not answered where nothing tells what is normal, or the objective is unknown', () => {
    expect(ask(world({ historyWindows: 2 }), { service: 'geo' })).to.equal(undefined);
    const unknown = { ...world(), objective: { ...OBJECTIVE, operation: '/nothing' } };
    expect(ask(unknown, { service: 'geo' })).to.equal(undefined);
  });
});
