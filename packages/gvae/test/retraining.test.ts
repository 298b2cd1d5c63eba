import type { CausalGraph } from '@sage/causal-graph';
import type { FeatureName, Window } from '@sage/core';
import { expect } from 'chai';
import { type FittedModel, fitInWorker, fitModel, planRetraining } from '../src/index.js';
import { node, ROOT, worldGraph, worldWindows } from './world.js';

const graph = worldGraph();
const windows = worldWindows(160, 1);

/** Windows with another feature of a service. */
function measuring(service: string, feature: FeatureName): Window[] {
  return windows.map((window, i) => ({
    ...window,
    metrics: new Map([
      ...window.metrics,
      [service, new Map([...(window.metrics.get(service) ?? []), [feature, 1e8 + 1e6 * (i % 7)] as const])],
    ]),
  }));
}

/** The world without c. */
const smaller: CausalGraph = {
  ...graph,
  fingerprint: 'smaller',
  services: ['frontend', 'a', 'b'],
  latency: graph.latency
    .filter(({ owners, rpc }) => !owners.includes('c') && rpc.callee !== 'c')
    .map((entry) => ({
      ...entry,
      parents: entry.parents.filter(({ node: id }) => id !== node('client', 'frontend', 'c')),
    })),
};

/** The parameters of each unit by channel and service. */
function namedNetworks({ state }: FittedModel): ReadonlyMap<string, Float32Array> {
  return new Map(
    state.layout.units.map(({ channel, service }, u) => [
      `${channel} ${service}`,
      state.parameters.units[u] as Float32Array,
    ]),
  );
}

describe('retraining', function () {
  this.timeout(30_000);
  let present: FittedModel;
  before(async () => {
    present = await fitModel(graph, windows, { epochs: 60, seed: 7 });
  });

  const slower = worldWindows(160, 2, 8);
  const cases: [string, CausalGraph, readonly Window[], string, readonly string[]][] = [
    ['nothing changed', graph, windows, 'none', []],
    ['a feature more of b', graph, measuring('b', 'memory_working_set_bytes'), 'metrics', ['a', 'b']],
    ['c is gone', smaller, windows, 'graph', ['frontend']],
    ['b takes twice as long, and everybody waits for it', graph, slower, 'drift', ['b']],
  ];
  for (const [what, now, seen, kind, services] of cases) {
    it(`is ${kind} where ${what}`, () => {
      expect(planRetraining(present, now, seen))
        .to.include({ kind })
        .and.deep.include({ services });
    });
  }

  it('is not done where nothing changed: the answer is the model in use', async () => {
    expect(await fitModel(graph, windows, { present })).to.equal(present);
    expect(await fitInWorker(graph, windows, { present })).to.equal(present);
  });

  it('leaves alone who did not change, and answers as well as from scratch', async () => {
    const seen = measuring('b', 'memory_working_set_bytes');
    const partial = await fitModel(graph, seen, { present, epochs: 60 });
    const scratch = await fitModel(graph, seen, { epochs: 60, seed: 7 });
    for (const service of ['frontend', 'c']) {
      const unitOf = ({ state }: FittedModel) =>
        state.layout.units.findIndex((unit) => unit.service === service && unit.channel === 'service');
      expect(partial.state.parameters.units[unitOf(partial)], service).to.deep.equal(
        present.state.parameters.units[unitOf(present)],
      );
    }
    const ofOthers = graph.latency.flatMap(({ id, owners }) =>
      owners.includes('a') || owners.includes('b') ? [] : [id],
    );
    const edgesOf = (model: FittedModel) =>
      model.edgeWeights().filter(({ child }) => ofOthers.includes(child));
    expect(edgesOf(partial)).to.deep.equal(edgesOf(present)).and.not.to.be.empty;
    expect(partial.overallR2).to.be.above(scratch.overallR2 - 0.03);
  });

  it('reshapes without learning when told so: what stays is as it was, what is gone is gone', async () => {
    const model = await fitModel(smaller, windows.slice(0, 3), { present, relearn: 'nothing' });
    expect(model.graph.fingerprint).to.equal('smaller');
    const learnt = namedNetworks(present);
    const kept = [...namedNetworks(model)];
    expect(kept.map(([name]) => name)).to.have.members(['service a', 'service b', 'service frontend']);
    for (const [name, network] of kept) {
      if (!name.endsWith('frontend')) expect(network, name).to.deep.equal(learnt.get(name));
    }
    expect(model.abduct(windows[0] as Window).residual(ROOT, 'p50Ms')?.expectedMs).to.be.above(0);
    expect(await fitModel(graph, slower, { present, relearn: 'nothing' })).to.equal(present);
  });

  it('learns everything again from what was known when told so, even where nothing changed', async () => {
    const model = await fitModel(graph, windows, { present, relearn: 'all', epochs: 4 });
    const learnt = namedNetworks(present);
    for (const [name, network] of namedNetworks(model)) {
      const moved = network.map((value, i) => Math.abs(value - (learnt.get(name)?.[i] as number)));
      expect(Math.max(...moved), name).to.be.within(1e-6, 0.5);
    }
    expect(model.overallR2).to.be.above(present.overallR2 - 0.03);
  });

  it('takes fewer epochs than learning from nothing', async () => {
    const seen = measuring('b', 'memory_working_set_bytes');
    const epochsOf = async (options: { present?: FittedModel }) => {
      let most = 0;
      const stop = new AbortController();
      await fitModel(graph, seen, {
        ...options,
        signal: stop.signal,
        onProgress: ({ epochs }) => {
          most = epochs;
          stop.abort();
        },
      }).catch(() => undefined);
      return most;
    };
    expect(await epochsOf({ present })).to.be.below((await epochsOf({})) / 4);
  });

  it('begins where the model in use left off', async () => {
    const first = async (options: { present?: FittedModel }) => {
      let r2 = Number.NaN;
      await fitModel(smaller, windows, {
        ...options,
        epochs: 1,
        onProgress: (progress) => {
          r2 = progress.r2;
        },
      });
      return r2;
    };
    expect(1 - (await first({ present }))).to.be.below(0.5 * (1 - (await first({}))));
  });

  it('answers in the new graph', async () => {
    const model = await fitModel(smaller, windows, { present, epochs: 5 });
    expect(model.graph.fingerprint).to.equal('smaller');
    expect(model.abduct(windows[0] as Window).residual(ROOT, 'p99Ms')).not.to.equal(undefined);
  });
});
