export { type Backend, loadBackend } from './backend.js';
export { fitInWorker } from './fit-in-worker.js';
export {
  FitError,
  type FitFailure,
  type FitOptions,
  type FitProgress,
  fitModel,
  MIN_WINDOWS,
} from './fit-model.js';
export { FittedModel } from './fitted-model.js';
export { type LoadFailure, loadModel, MODEL_VERSION, saveModel } from './model-file.js';
