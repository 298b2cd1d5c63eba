import type { Window } from '@sage/core';
import { expect } from 'chai';
import {
  type FittedModel,
  fitInWorker,
  fitModel,
  loadModel,
  planRetraining,
  saveModel,
} from '../src/index.js';
import { node, worldGraph, worldWindows } from './world.js';

const graph = worldGraph();
const B = node('server', 'a', 'b');
const WINDOW_MS = 30_000;

/** The same, from another time on. */
function from(startMs: number, windows: readonly Window[]): Window[] {
  return windows.map((window, i) => ({
    ...window,
    startMs: startMs + i * WINDOW_MS,
    endMs: startMs + (i + 1) * WINDOW_MS,
  }));
}

const learnt = from(0, worldWindows(240, 1));
const LEARNT_UNTIL_MS = 240 * WINDOW_MS;
const after = (windows: readonly Window[]) => from(LEARNT_UNTIL_MS, windows);

describe('drift', function () {
  this.timeout(60_000);
  let present: FittedModel;
  const planOf = (windows: readonly Window[], calm: readonly Window[] = windows) =>
    planRetraining(present, graph, windows, { calm });
  before(async () => {
    present = await fitModel(graph, learnt, { epochs: 60, seed: 7 });
  });

  it('is seen in no undisturbed time of 200', () => {
    const seeds = Array.from({ length: 200 }, (_, i) => 100 + i);
    const alarms = seeds.filter((seed) => planOf(after(worldWindows(60, seed))).kind !== 'none');
    expect(alarms).to.deep.equal([]);
  });

  it('is seen in the tail alone, where the median is too short to tell', () => {
    const windows = after(worldWindows(40, 3)).map((window) => {
      const stats = window.latency.get(B) as { p50Ms: number; p95Ms: number; p99Ms: number; count: number };
      const slower = { ...stats, p95Ms: stats.p95Ms + 9, p99Ms: stats.p99Ms + 14 };
      return { ...window, latency: new Map([...window.latency, [B, slower]]) };
    });
    const { kind, services } = planOf(windows);
    expect(kind).to.equal('drift');
    expect(services).to.include('b');
  });

  it('tells since when, and is learnt from that on', async () => {
    const windows = [...learnt, ...after(worldWindows(50, 2, 8))];
    const plan = planOf(windows);
    expect(plan).to.deep.include({ kind: 'drift', services: ['b'] });
    expect((plan.sinceMs - LEARNT_UNTIL_MS) / WINDOW_MS).to.be.within(-1, 3);
    const renewed = await fitInWorker(graph, windows, { present });
    const [later] = worldWindows(1, 9, 8) as [Window];
    expect(Math.abs(renewed.abduct(later).residual(B, 'p50Ms')?.z ?? 9)).to.be.below(1);
    expect(renewed.state.learntFrom.get('b')).to.deep.equal({ sinceMs: plan.sinceMs, windows: 50 });
    expect(renewed.state.learntFrom.get('a')).to.deep.equal({ sinceMs: 0, windows: 240 });
    expect(planRetraining(renewed, graph, windows).kind).to.equal('none');
  });

  it('is not what happens in an incident, however long, and that is not learnt', async () => {
    const incident = after(worldWindows(80, 2, 8));
    const windows = [...learnt, ...incident];
    expect(planOf(windows, learnt).kind).to.equal('none');
    expect(await fitModel(graph, windows, { present, calm: learnt })).to.equal(present);
    // Slower ever since: what is learnt of it are the windows outside the incident alone.
    const later = from(LEARNT_UNTIL_MS + 80 * WINDOW_MS, worldWindows(40, 4, 8));
    const calm = [...learnt, ...later];
    const renewed = await fitInWorker(graph, [...windows, ...later], { present, calm });
    expect(renewed.state.learntFrom.get('b')?.windows).to.equal(40);
  });

  it('is not told of windows that overlap as often as they do', () => {
    const overlapping = after(worldWindows(40, 2, 8)).map((window, i) => ({
      ...window,
      startMs: LEARNT_UNTIL_MS + (i * WINDOW_MS) / 3,
      endMs: LEARNT_UNTIL_MS + (i * WINDOW_MS) / 3 + WINDOW_MS,
    }));
    expect(planOf(overlapping).kind).to.equal('none');
  });

  it('is waited for until there is enough to learn from', async () => {
    const drifted = after(worldWindows(45, 2, 8));
    const known = [...learnt, ...drifted.slice(0, 15)];
    expect(await fitModel(graph, known, { present, calm: [...learnt, ...drifted] })).to.equal(present);
  });

  it('of what has seen little is first answered with all that it has not seen', async () => {
    const young = await fitModel(graph, learnt.slice(0, 30), { seed: 7, epochs: 20 });
    const windows = [...learnt, ...after(worldWindows(40, 2, 8))];
    const plan = planRetraining(young, graph, windows);
    expect(plan.services).to.include('b');
    expect(plan.sinceMs).to.equal(0);
  });

  it('is no matter of load: more than ever was asked for is learnt beside what is known', async () => {
    const busier = after(worldWindows(150, 5)).map((window) => ({
      ...window,
      latency: new Map(
        [...window.latency].map(([id, { p50Ms, p95Ms, p99Ms, count }]) => [
          id,
          { p50Ms: 3 * p50Ms, p95Ms: 3 * p95Ms, p99Ms: 3 * p99Ms, count: 6 * count },
        ]),
      ),
    }));
    const windows = [...learnt, ...busier];
    const plan = planOf(windows);
    expect(plan).to.deep.include({ kind: 'load', services: ['a', 'b', 'c', 'frontend'], sinceMs: 0 });
    const renewed = await fitModel(graph, windows, { present });
    expect(planRetraining(renewed, graph, windows).kind).to.equal('none');
  });

  it('is told after a restart as before', () => {
    const loaded = loadModel(saveModel(present));
    const windows = [...learnt, ...after(worldWindows(50, 2, 8))];
    expect(loaded.ok && planRetraining(loaded.value, graph, windows)).to.deep.equal(planOf(windows));
  });
});
