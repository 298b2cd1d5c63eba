import { type CausalGraph, type Intervention, NO_INTERVENTION } from '@sage/causal-graph';
import { createRng, type LatencyStats, median, PERCENTILES, type Window, WindowPacker } from '@sage/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  FitError,
  type FittedModel,
  fitInWorker,
  fitModel,
  loadBackend,
  loadModel,
  saveModel,
} from '../src/index.js';
import { node, ROOT, worldGraph, worldWindows } from './world.js';

const graph = worldGraph();
const B = node('server', 'a', 'b');
const normalOf = (service: string): Intervention => ({
  ...NO_INTERVENTION,
  exogenous: new Map(graph.latency.filter((n) => n.owners.includes(service)).map((n) => [n.id, 0])),
});

describe('a fitted model', function () {
  this.timeout(30_000);
  let model: FittedModel;
  let tensorsLeft: number;
  before(async () => {
    expect(await loadBackend()).to.be.oneOf(['tensorflow', 'wasm']);
    const before = tf.memory().numTensors;
    model = await fitModel(graph, worldWindows(160, 1), { epochs: 60, seed: 7 });
    tensorsLeft = tf.memory().numTensors - before;
  });

  it('leaves no tensor behind', () => expect(tensorsLeft).to.equal(0));

  it('explains held-out latency where there is signal', () => {
    expect(model.overallR2).to.be.above(0.8);
    expect([...model.r2.keys()]).to.have.members(['frontend', 'a', 'b', 'c']);
  });

  it('keeps edge weights near those of the graph', () => {
    for (const { prior, learnt } of model.edgeWeights()) expect(learnt / prior).to.be.within(0.85, 1.18);
  });

  it('has data decide how much of a call is waited for where they tell of services and not of calls', async () => {
    const CALLED = node('client', 'frontend', 'c');
    const windows = worldWindows(160, 1).map((window, i): Window => {
      // Of what the callee takes longer in some windows a third reaches the root, where the graph says all of it.
      const longer = [0, 5, 0, 20, 0, 60][i % 6] as number;
      const latency = new Map(window.latency);
      for (const [id, part] of [
        [node('server', 'frontend', 'c'), 1],
        [CALLED, 1],
        [ROOT, 1 / 3],
      ] as const) {
        const { count, ...stats } = latency.get(id) as LatencyStats;
        const [p50Ms, p95Ms, p99Ms] = PERCENTILES.map((q) => stats[q] + part * longer) as [
          number,
          number,
          number,
        ];
        latency.set(id, { p50Ms, p95Ms, p99Ms, count });
      }
      return { ...window, latency };
    });
    const toldOf = (services: boolean): CausalGraph => ({
      ...graph,
      latency: graph.latency.map((entry) => ({
        ...entry,
        parents: entry.parents.map((link) =>
          link.node === CALLED ? { ...link, weight: 1, ...(services ? { weightRange: [0, 1] } : {}) } : link,
        ),
      })),
    });
    const learnt = async (services: boolean) => {
      const fitted = await fitModel(toldOf(services), windows, { epochs: 60, seed: 7 });
      return fitted.edgeWeights().find(({ parent, child }) => parent === CALLED && child === ROOT)?.learnt;
    };
    expect(await learnt(true)).to.be.within(0.25, 0.45);
    expect(await learnt(false)).to.be.within(0.8, 1);
  });

  it('gives a window back in encoding and decoding it, in order, where it was seen', () => {
    const [window] = worldWindows(1, 5) as [Window];
    const reconstructed = model.reconstruct(window);
    expect([...reconstructed.keys()]).to.have.members([...window.latency.keys()]);
    for (const [id, { p50Ms, p95Ms, p99Ms }] of reconstructed) {
      expect(p50Ms).to.be.at.most(p95Ms);
      expect(p95Ms).to.be.at.most(p99Ms);
      expect(p50Ms / (window.latency.get(id)?.p50Ms ?? Number.NaN)).to.be.within(0.7, 1.4);
    }
    const latency = new Map([...window.latency].filter(([id]) => id !== B));
    expect(model.reconstruct({ ...window, latency }).has(B)).to.equal(false);
  });

  it('passes on a disturbance of a node that was calm in all that it learnt from', () => {
    const windows = worldWindows(4, 11, 300);
    for (const window of windows) {
      const given = model.reconstruct(window);
      for (const { id } of graph.latency) {
        for (const q of PERCENTILES) {
          const observed = window.latency.get(id)?.[q] as number;
          expect((given.get(id)?.[q] as number) / observed, `${id} ${q}`).to.be.within(0.8, 1.25);
        }
      }
    }
  });

  it('reproduces what was observed when nothing is done', () => {
    const [window] = worldWindows(1, 5) as [Window];
    const prediction = model.predict(model.abduct(window), NO_INTERVENTION, {
      rng: createRng(1),
      samples: 8,
    });
    for (const { id } of graph.latency) {
      for (const q of PERCENTILES) {
        expect([...prediction.draws(id, q)]).to.deep.equal(new Array(8).fill(window.latency.get(id)?.[q]));
      }
    }
  });

  it('finds +80 ms in b at b alone, and undoes it there alone', () => {
    const [window] = worldWindows(1, 6, 80) as [Window];
    const abduction = model.abduct(window);
    for (const { id } of graph.latency) {
      const z = Math.abs(abduction.residual(id, 'p99Ms')?.z ?? Number.NaN);
      if (id === B) expect(z, id).to.be.above(20);
      else expect(z, id).to.be.below(12);
    }
    const after = (service: string) =>
      median(model.predict(abduction, normalOf(service), { rng: createRng(2) }).draws(ROOT, 'p99Ms'));
    const observed = window.latency.get(ROOT)?.p99Ms as number;
    expect(after('b')).to.be.below(observed - 65);
    expect(after('a')).to.be.above(observed - 25);
    expect(after('c')).to.be.above(observed - 5);
  });

  it('takes a disturbance that was seen once for as seldom as it was', async () => {
    const calm = worldWindows(160, 1);
    const windows = calm.map((window, i) => (i === 50 ? (worldWindows(51, 1, 80)[50] as Window) : window));
    const learnt = await fitModel(graph, windows, { epochs: 4, seed: 7 });
    const [asked] = worldWindows(1, 5) as [Window];
    const samples = 2000;
    const restored = learnt.predict(learnt.abduct(asked), normalOf('b'), { rng: createRng(1), samples });
    const usualMs = median(calm.map(({ latency }) => latency.get(B)?.p50Ms as number));
    const disturbed = restored.draws(B, 'p50Ms').filter((ms) => ms > usualMs + 5);
    expect(disturbed.length / samples).to.be.within(0.001, 0.02);
  });

  it('answers a question alike whatever else was asked of the same worlds', () => {
    const [window] = worldWindows(1, 6, 80) as [Window];
    const usage = (cores: number): Intervention => ({
      ...NO_INTERVENTION,
      metrics: new Map([['b', new Map([['cpu_usage_cores', cores]])]]),
    });
    const options = { rng: createRng(2) };
    const abduction = model.abduct(window);
    const ask = (what: Intervention) => [...model.predict(abduction, what, options).draws(ROOT, 'p95Ms')];
    const first = [ask(usage(0.01)), ask(normalOf('b'))];
    const others = Array.from({ length: 40 }, (_, i) => ask(usage(0.01 + 0.005 * i)).join());
    expect(new Set(others).size).to.be.above(20);
    expect([ask(usage(0.01)), ask(normalOf('b'))]).to.deep.equal(first);
    const alone = model.predict(model.abduct(window), normalOf('b'), options);
    expect([...alone.draws(ROOT, 'p95Ms')]).to.deep.equal(first[1]);
  });

  it('tells each node after an intervention alike, whichever are asked for before, and of which interventions', () => {
    const [window] = worldWindows(1, 6, 80) as [Window];
    const options = { rng: createRng(2) };
    const [one, other] = [normalOf('b'), normalOf('a')];
    const alone = (what: Intervention, id: string) => [
      ...model.predict(model.abduct(window), what, options).draws(id, 'p95Ms'),
    ];
    const shared = model.abduct(window);
    const asked = [...graph.latency, ...[...graph.latency].reverse()].flatMap(({ id }) => [
      { what: one, id },
      { what: one, id: ROOT },
      { what: other, id },
    ]);
    for (const { what, id } of asked) {
      expect([...model.predict(shared, what, options).draws(id, 'p95Ms')], id).to.deep.equal(alone(what, id));
    }
  });

  it('takes a part that goes for the probability that all of it does', () => {
    const [window] = worldWindows(1, 6, 80) as [Window];
    const draws = model
      .predict(
        model.abduct(window),
        { ...NO_INTERVENTION, exogenous: new Map([[B, 0.25]]) },
        { rng: createRng(2), samples: 64 },
      )
      .draws(ROOT, 'p99Ms');
    const observed = window.latency.get(ROOT)?.p99Ms as number;
    expect(draws.filter((ms) => ms < observed - 65).length / 64).to.be.closeTo(0.75, 0.02);
    expect(draws.filter((ms) => Math.abs(ms - observed) < 1e-6).length / 64).to.be.closeTo(0.25, 0.02);
  });

  it('has median latency and no residual for a node that was not seen', () => {
    const [window] = worldWindows(1, 8) as [Window];
    const latency = new Map(window.latency);
    latency.delete(B);
    const abduction = model.abduct({ ...window, latency });
    expect(abduction.residual(B, 'p99Ms')).to.equal(undefined);
    const draws = model.predict(abduction, NO_INTERVENTION, { rng: createRng(1) }).draws(B, 'p50Ms');
    expect(draws[0]).to.be.within(5, 12);
  });

  it('is the same after a round trip, and says why a text is no model', () => {
    const text = saveModel(model);
    const loaded = loadModel(text, graph);
    if (!loaded.ok) throw new Error(loaded.message);
    expect(saveModel(loaded.value)).to.equal(text);
    const refusals: [string, string, ReturnType<typeof worldGraph>][] = [
      ['malformed', 'no JSON', graph],
      ['malformed', '{"format":"other"}', graph],
      ['version', text.replace(/"version":\d+/, '"version":99'), graph],
      ['checksum', text.replace('"overallR2":', '"overallR2":1'), graph],
      ['graph-mismatch', text, worldGraph('another')],
    ];
    for (const [reason, broken, against] of refusals) {
      expect(loadModel(broken, against)).to.include({ ok: false, reason });
    }
  });
});

describe('fitting', function () {
  this.timeout(30_000);
  const windows = worldWindows(60, 3);
  const fails = async (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('gives the same model for the same seed, in a worker and of packed windows too', async () => {
    const options = { epochs: 4, seed: 3 };
    const packer = new WindowPacker();
    const packed = windows.map((window) => packer.pack(window));
    const [one, two, other] = [
      await fitModel(graph, windows, options),
      await fitInWorker(graph, packed, { ...options, calm: packed }),
      await fitModel(graph, windows, { epochs: 4, seed: 4 }),
    ];
    expect(saveModel(two)).to.equal(saveModel(one));
    expect(saveModel(other)).not.to.equal(saveModel(one));
  });

  it('masks nodes that some or all windows lack', async () => {
    const holes = windows.map((window, i) => {
      const latency = new Map(window.latency);
      if (i % 2) latency.delete(B);
      latency.delete(node('server', 'frontend', 'c'));
      return { ...window, latency };
    });
    const model = await fitModel(graph, holes, { epochs: 3 });
    expect(Number.isFinite(model.overallR2)).to.equal(true);
  });

  it('stops with the reason of the signal, here and in a worker, leaving no tensor', async () => {
    const before = tf.memory().numTensors;
    for (const fit of [fitModel, fitInWorker]) {
      const controller = new AbortController();
      const error = await fails(
        fit(graph, windows, {
          epochs: 500,
          signal: controller.signal,
          onProgress: () => controller.abort(new Error('enough')),
        }),
      );
      expect(error).to.be.instanceOf(Error).with.property('message', 'enough');
    }
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('refuses data and options that give no model', async () => {
    const refusals: [string, () => Promise<unknown>][] = [
      ['too-few-windows', () => fitModel(graph, windows.slice(0, 5))],
      ['too-few-windows', () => fitInWorker(graph, windows.slice(0, 5))],
      ['empty-graph', () => fitModel({ ...graph, latency: [] }, windows)],
      ['bad-option', () => fitModel(graph, windows, { epochs: 0 })],
    ];
    for (const [reason, work] of refusals) {
      expect(await fails(work()))
        .to.be.instanceOf(FitError)
        .with.property('reason', reason);
    }
  });
});
