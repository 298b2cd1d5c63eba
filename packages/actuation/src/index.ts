export { restsUntil } from './cool-down.js';
export { isSureMeanwhile } from './early-diagnosis.js';
export { type Judgement, judgeOutcome, predictionError, WINDOWS_TO_JUDGE } from './judge-outcome.js';
export { knobOf, takesOver } from './knob.js';
export { type NodeTargets, type PlacedTarget, type Placement, place } from './placement.js';
export {
  type ActionLimits,
  isSureEnough,
  type PlanInput,
  planActions,
  type Relief,
  type TurnedKnob,
} from './plan-actions.js';
export { cleanWindows, comesBack, morePatience, releaseDue, WINDOWS_TO_RELEASE } from './release.js';
export { standingDiagnosis } from './standing-diagnosis.js';
