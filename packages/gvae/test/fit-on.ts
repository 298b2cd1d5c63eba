// Runs in a thread of its own, because a thread has one backend: fits the world on the backend that it is told.
import { parentPort, workerData } from 'node:worker_threads';
import { NO_INTERVENTION } from '@sage/causal-graph';
import { createRng, median, PERCENTILES, type Window } from '@sage/core';
import { type Backend, fitModel, loadBackend } from '@sage/gvae';
import { node, ROOT, worldGraph, worldWindows } from './world.js';

export interface FitOn {
  readonly backend: Backend;
  /** Held-out R² per service. */
  readonly r2: ReadonlyMap<string, number>;
  readonly edges: readonly number[];
  /** What the root's percentiles would be, in ms, had b been as usual in windows where 80 ms were added to it. */
  readonly predicted: readonly number[];
}

const backend = await loadBackend(workerData.wanted);
const model = await fitModel(worldGraph(), worldWindows(120, 1), { epochs: 20, seed: 7 });
const predicted = worldWindows(6, 6, 80).flatMap((window: Window) => {
  const prediction = model.predict(
    model.abduct(window),
    { ...NO_INTERVENTION, exogenous: new Map([[node('server', 'a', 'b'), 0]]) },
    { rng: createRng(2) },
  );
  return PERCENTILES.map((q) => median(prediction.draws(ROOT, q)));
});
const answer: FitOn = {
  backend,
  r2: model.r2,
  edges: model.edgeWeights().map(({ learnt }) => learnt),
  predicted,
};
parentPort?.postMessage(answer);
