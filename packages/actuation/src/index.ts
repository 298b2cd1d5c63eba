export {
  cleanWindows,
  type Judgement,
  judgeOutcome,
  releaseDue,
  WINDOWS_TO_JUDGE,
  WINDOWS_TO_RELEASE,
} from './judge-outcome.js';
export type { NodeTargets, Placement } from './placement.js';
export { type ActionLimits, type PlanInput, planActions } from './plan-actions.js';
