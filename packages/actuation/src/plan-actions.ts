import type { Action, ActionKind, ActionPlan, Culprit, Diagnosis, PlannedAction } from '@sage/core';
import { type NodeTargets, type PlacedTarget, type Placement, targetsOf } from './placement.js';
import { whenExhausted, withoutCulprit } from './recommendations.js';
import { ladder } from './rungs.js';
import { alreadyDone } from './same-action.js';

export interface ActionLimits {
  /** Below this probability of the culprit nothing is done. */
  readonly minProbability: number;
  /** Most actions of one plan. */
  readonly maxActions: number;
  /** Kinds that may be used. Default: all. */
  readonly allow?: readonly ActionKind[];
}

export interface PlanInput {
  readonly diagnosis: Diagnosis;
  /** The one to help. */
  readonly culprit: Culprit;
  readonly nodes: readonly NodeTargets[];
  readonly placement?: Placement;
  /** Actions that agents hold at present. */
  readonly inForce: readonly Action[];
  readonly limits: ActionLimits;
}

/**
 * What to do about a culprit: per replica the first rung of its resource's ladder that has something left to turn.
 * Since rungs already in force are passed over, planning again climbs. Nothing is done for verdicts other than
 * `culprits` nor below `minProbability`: then, and where no rung is left, it recommends in words.
 */
export function planActions(input: PlanInput): ActionPlan {
  const { diagnosis, culprit, limits } = input;
  const { service, resource } = culprit;
  const plan = (actions: readonly PlannedAction[], recommendations: readonly string[]): ActionPlan => ({
    objective: diagnosis.objective,
    service,
    resource,
    actions,
    recommendations,
  });

  if (diagnosis.verdict !== 'culprits') return plan([], [withoutCulprit(diagnosis.verdict)]);
  if (!(culprit.probability >= limits.minProbability)) {
    const why = `Its probability is ${culprit.probability.toFixed(2)}, below the ${limits.minProbability} from which Sage acts.`;
    return plan([], [`${whenExhausted(service, resource)} ${why}`]);
  }
  const replicas = targetsOf(service, input.nodes, input.placement);
  if (replicas.length === 0) {
    return plan([], [`${whenExhausted(service, resource)} No node agent looks after ${service}.`]);
  }
  const wanted = replicas.flatMap((replica) => nextRung(replica, input));
  const actions = wanted.slice(0, Math.max(0, limits.maxActions));
  if (actions.length > 0) return plan(actions, []);
  const why = wanted.length > 0 ? ` Sage may take no more than ${limits.maxActions} actions.` : '';
  return plan([], [whenExhausted(service, resource) + why]);
}

function nextRung({ node, state }: PlacedTarget, input: PlanInput): readonly PlannedAction[] {
  const { culprit, inForce, limits } = input;
  for (const rung of ladder(culprit)) {
    const steps = rung(state).filter(
      ({ action }) =>
        (limits.allow?.includes(action.kind) ?? true) && !inForce.some((held) => alreadyDone(action, held)),
    );
    if (steps.length > 0) return steps.map((step) => ({ node, ...step }));
  }
  return [];
}
