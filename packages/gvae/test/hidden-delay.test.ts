import { type Intervention, NO_INTERVENTION } from '@sage/causal-graph';
import { createRng, type LatencyStats, median, quantile, type Window } from '@sage/core';
import { expect } from 'chai';
import { type FittedModel, fitModel, loadBackend } from '../src/index.js';
import { node, ROOT, worldGraph, worldWindows } from './world.js';

const B = [node('server', 'a', 'b'), node('client', 'a', 'b')];
const A = [node('server', 'frontend', 'a'), node('client', 'frontend', 'a'), ROOT];
const DELAYED = A[0] as string;
const RUNS = 2000;

const graph = worldGraph();

/** One run in ten waits in b for 150 ms more, in the mean, and each in a for 10 ms more; of exponential times both. */
function twoTails(): { readonly window: Window; readonly withoutB: LatencyStats; readonly delayMs: number } {
  const rng = createRng(4);
  const exponential = () => -Math.log(1 - rng.uniform());
  const inB = Array.from({ length: RUNS }, () => (rng.uniform() < 0.1 ? 150 * exponential() : 0));
  const inA = inB.map(() => 10 * exponential());
  const [calm] = worldWindows(1, 5) as [Window];
  const laterBy = (id: string, added: readonly number[]): LatencyStats => {
    const { p50Ms, p95Ms, p99Ms } = calm.latency.get(id) as LatencyStats;
    // Runs of the calm window, from half its median on, in the order of no run of the delays.
    const took = added.map((ms, i) => {
      const depth = ((i * 0.618034) % 1) * 0.99;
      const base =
        depth < 0.5
          ? p50Ms * (0.5 + depth)
          : depth < 0.95
            ? p50Ms + ((depth - 0.5) / 0.45) * (p95Ms - p50Ms)
            : p99Ms;
      return base + ms;
    });
    const [q50 = 0, q95 = 0, q99 = 0] = [0.5, 0.95, 0.99].map((q) => quantile(took, q));
    const meanMs = took.reduce((sum, ms) => sum + ms, 0) / RUNS;
    return { p50Ms: q50, p95Ms: q95, p99Ms: q99, meanMs, count: RUNS };
  };
  const latency = new Map(calm.latency);
  for (const id of B) latency.set(id, laterBy(id, inB));
  const both = inB.map((ms, i) => ms + (inA[i] as number));
  for (const id of A) latency.set(id, laterBy(id, both));
  return {
    window: { ...calm, latency },
    withoutB: laterBy(ROOT, inA),
    delayMs: inA.reduce((sum, ms) => sum + ms, 0) / RUNS,
  };
}

describe('an own delay that the longer tail of a call hides', function () {
  this.timeout(30_000);
  let model: FittedModel;
  before(async () => {
    await loadBackend();
    model = await fitModel(graph, worldWindows(160, 1), { epochs: 60, seed: 7 });
  });

  const { window, withoutB, delayMs } = twoTails();
  const meanMs = (window.latency.get(DELAYED) as LatencyStats).meanMs as number;
  const told = new Map([[DELAYED, { delayMs, restMs: meanMs - delayMs }]]);
  const restoredB: Intervention = { ...NO_INTERVENTION, exogenous: new Map(B.map((id) => [id, 0])) };
  const restoredA: Intervention = { ...NO_INTERVENTION, exogenous: new Map([[DELAYED, 0]]) };
  const ask = (what: Intervention, ownDelays?: typeof told) => {
    const options = ownDelays === undefined ? { rng: createRng(1) } : { rng: createRng(1), ownDelays };
    return model.predict(model.abduct(window), what, options).draws(ROOT, 'p95Ms');
  };

  it('comes to light with what hid it restored, where the means tell of it', () => {
    expect(median(ask(restoredB, told)) / withoutB.p95Ms).to.be.within(0.8, 1.25);
    expect(median(ask(restoredB)) / withoutB.p95Ms).to.be.below(0.7);
  });

  it('goes with its owner', () => {
    const calmMs = (worldWindows(1, 5)[0] as Window).latency.get(ROOT)?.p95Ms as number;
    const both = { ...NO_INTERVENTION, exogenous: new Map([...restoredB.exogenous, ...restoredA.exogenous]) };
    expect(median(ask(both, told)) / calmMs).to.be.within(0.8, 1.25);
  });

  it('leaves what was observed as it is where nothing is done', () => {
    const observed = (window.latency.get(ROOT) as LatencyStats).p95Ms;
    for (const ms of ask(NO_INTERVENTION, told)) expect(ms).to.equal(observed);
  });
});
