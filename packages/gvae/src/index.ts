export { type Backend, loadBackend } from './backend.js';
export { FitError, type FitFailure } from './fit-error.js';
export { fitInWorker } from './fit-in-worker.js';
export { type FitOptions, fitModel, MIN_WINDOWS } from './fit-model.js';
export { FittedModel } from './fitted-model.js';
export type { FitProgress } from './learn-units.js';
export { type LoadFailure, loadModel, saveModel } from './model-file.js';
export { planRetraining, type RetrainingKind, type RetrainingPlan } from './retraining.js';
