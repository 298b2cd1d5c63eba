export {
  ACTION_KINDS,
  type Action,
  type ActionKind,
  type ActionOutcome,
  type ActionPlan,
  type ActionStatus,
  type CoRunner,
  type LinkDirection,
  type NodeAction,
  type NodeActionOutcome,
  type PlannedAction,
  type Reach,
  type ScaleAction,
  type SharedResource,
  type TargetState,
} from './action.js';
export { type Clock, ManualClock, systemClock } from './clock.js';
export type { Candidate, Culprit, Diagnosis, Evidence, Verdict, Victim } from './diagnosis.js';
export { createLogger, type Logger, silentLogger } from './log.js';
export { nearest } from './nearest.js';
export { type Objective, type ObjectiveReading, objectiveNode, readObjective } from './objective.js';
export { errorMessage, type Failure, failure, type Outcome, type Success, success } from './outcome.js';
export type { Instance, ScaleBounds, ScaleState } from './placement.js';
export { formatElapsed, ProgressDisplay, type TextSink } from './progress-display.js';
export { createRng, type Rng } from './random.js';
export { shuffled } from './shuffled.js';
export {
  median,
  quantile,
  quantileOfSorted,
  type RobustScale,
  robustScale,
  robustScaleInPlace,
  robustScaleOfSorted,
  TAIL_PROBABILITY,
  upperScaleInPlace,
  upperSpread,
} from './statistics.js';
export {
  FEATURE_NAMES,
  FEATURES,
  type Feature,
  type FeatureName,
  type FeatureRole,
  isFeatureName,
  type MetricSample,
  RESOURCES,
  type ReplicaJoin,
  type Resource,
  replicaJoin,
  type Span,
  type SpanKind,
} from './telemetry.js';
export {
  callsPerSecond,
  LATENCY_ACCURACY,
  type LatencyKind,
  type LatencyNodeId,
  type LatencyStats,
  latencyNodeId,
  NamedRpc,
  OUTSIDE,
  PERCENTILES,
  type Percentile,
  type ReplicaReading,
  type RpcId,
  type RpcKey,
  type RpcObservation,
  rpcId,
  type Window,
} from './window.js';
export { plainWindow, WindowPacker } from './window-packer.js';
export { actionWords, measured, measurementName, milliseconds, operationName, percent } from './words.js';
