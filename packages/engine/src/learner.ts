import { type FittedModel, fitInWorker, loadBackend, loadModel, saveModel } from '@sage/gvae';
import type { LearnerPart } from './parts.js';

/** The graphical variational autoencoder, trained off the main thread. */
export const gvaeLearner: LearnerPart = {
  fit: ({ graph, windows, epochs, seed, signal, onProgress }) =>
    fitInWorker(graph, windows, {
      ...(epochs === undefined ? {} : { epochs }),
      seed,
      signal,
      onProgress,
    }),
  // Whatever this learner is asked to save, it has fitted or loaded itself.
  save: (model) => saveModel(model as FittedModel),
  load: (text) => loadModel(text),
  backend: () => loadBackend(),
};
