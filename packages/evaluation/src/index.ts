export { type EvaluateOptions, type EvaluationResult, evaluate, prepare } from './evaluate.js';
export { answerStep, type StepTools } from './experiments/answer-step.js';
export { EXPERIMENTS } from './experiments/index.js';
export type {
  LiveApplication,
  LiveApplicationOptions,
  ReceiverKind,
  StartLiveApplication,
  Stretch,
  StretchOptions,
  TracedBy,
} from './experiments/live-application.js';
export { FULL, QUICK } from './experiments/sizes.js';
export { METHODS } from './methods/index.js';
export {
  type Answer,
  type Calibrated,
  type Calibration,
  type Case,
  DataError,
  type Evidence,
  type LabelledCase,
  type LabelledWindow,
  type Method,
  type Observed,
  type PrepareOptions,
  type QueueDepths,
  type Ranked,
  type Suite,
  type Training,
  type Truth,
} from './observed.js';
export type { Progress } from './progress.js';
export { makeReport, type Report, type ReportOptions } from './report/report.js';
export { type CaseResult, resultOf, type Summary, summarise } from './scoring.js';
export { type HotelOptions, hotelSuite } from './suites/hotel.js';
export { type NezhaOptions, nezhaSuite } from './suites/nezha.js';
export { type PetshopOptions, petshopSuite } from './suites/petshop.js';
export { type SimulatedOptions, simulatedSuite } from './suites/simulated.js';
export { SIMULATED_KINDS } from './suites/simulated-world.js';
export { table } from './table.js';
