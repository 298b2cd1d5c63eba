import { type FittedModel, fitInWorker, loadBackend, loadModel, saveModel } from '@sage/gvae';
import type { LearnerPart } from './parts.js';

/** The graphical variational autoencoder, trained off the main thread. */
export const gvaeLearner: LearnerPart = {
  // A model it is asked to go on from or to save, it has fitted or loaded itself.
  fit: ({ graph, windows, calm, epochs, seed, present, signal, onProgress }) =>
    fitInWorker(graph, windows, {
      calm,
      ...(epochs === undefined ? {} : { epochs }),
      ...(present === undefined ? {} : { present: present as FittedModel }),
      seed,
      signal,
      onProgress,
    }),
  save: (model) => saveModel(model as FittedModel),
  load: (text) => loadModel(text),
  backend: () => loadBackend(),
};
