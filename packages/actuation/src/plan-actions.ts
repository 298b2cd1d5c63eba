import type {
  Action,
  ActionKind,
  ActionPlan,
  Culprit,
  Diagnosis,
  PlannedAction,
  ScaleBounds,
  ScaleState,
} from '@sage/core';
import { alreadyDone, knobOf } from './knob.js';
import { scaleOut } from './knobs/scale-out.js';
import type { Need, Step } from './knobs/step.js';
import { ladder, SCALES_OUT } from './ladder.js';
import { isReplica, type PlacedTarget, type Placement } from './placement.js';
import { replicaUnknown, scaledOut, sharing, whenExhausted, withoutCulprit } from './recommendations.js';

export interface ActionLimits {
  /** Below this probability of the culprit nothing is done. */
  readonly minProbability: number;
  /** Most actions of one plan. */
  readonly maxActions: number;
  /** Kinds that may be used. Default: all. */
  readonly allow?: readonly ActionKind[];
  /** Least and most replicas of the service. Default: it is not scaled. */
  readonly scale?: ScaleBounds;
}

/** What the model says of making the culprit's resource, or for `workload` the load, normal. */
export interface Relief {
  /**
   * The smallest share, above 0 and up to 1, at which the objective holds: of the way from observed to normal, or for
   * `workload` of the present load that has to go elsewhere.
   */
  readonly enough: number;
  /** The objective's latency then, ms. */
  readonly expectedMs: number;
  /** …and had all of the way been gone, ms. */
  readonly restoredMs: number;
}

/** An action in force, or one that failed lately: the knob of a target on a node. */
export interface TurnedKnob {
  readonly node: string;
  readonly action: Action;
}

export interface PlanInput {
  readonly diagnosis: Diagnosis;
  /** The one to help; for `workload` the service that saturates, with the resource of which it has most to wait for. */
  readonly culprit: Culprit;
  readonly placement: Placement;
  /** What the orchestrator says of the service; without it nothing is scaled. */
  readonly scale?: ScaleState;
  /** Default: all of the way. */
  readonly relief?: Relief;
  readonly inForce: readonly TurnedKnob[];
  /** Knobs that cool down after they did harm, or were refused: passed over. */
  readonly resting?: readonly TurnedKnob[];
  readonly limits: ActionLimits;
}

/**
 * What to do about a culprit, one resource of one service: per replica, or for the one replica that is bad, the first
 * rung of its ladder that has something to turn, turned as far as the counterfactual asks; when no target has any, one
 * step out. A rung in force that was not enough is turned all of the way before the next is tried: planning again goes on
 * with the knob that the evidence speaks of, and climbs at the end of its range. For `workload` the only rung is scaling
 * out. Nothing is done for other verdicts nor below `minProbability`: then, and where no rung is left, it recommends in
 * words.
 */
export function planActions(input: PlanInput): ActionPlan {
  const { diagnosis, culprit, limits } = input;
  const { service, resource } = culprit;
  const words = (...recommendations: string[]): ActionPlan => ({
    objective: diagnosis.objective,
    service,
    resource,
    actions: [],
    recommendations,
  });
  const { verdict } = diagnosis;
  if (verdict === 'undetermined' || verdict === 'no-violation') return words(withoutCulprit(verdict));
  const exhausted = [whenExhausted(service, resource), ...neighboursText(input)].join(' ');
  const advice = verdict === 'workload' ? withoutCulprit(verdict, service) : exhausted;
  if (!isSureEnough(culprit, limits.minProbability)) {
    return words(
      `${advice} Its probability is ${culprit.probability.toFixed(2)}, below the ${limits.minProbability} from which Sage acts.`,
    );
  }

  const need: Need = { enough: clamp(input.relief?.enough), again: false, evidence: culprit.evidence };
  const local = verdict === 'workload' ? nothingLocal : localSteps(input, need);
  const steps = local.steps.length > 0 ? local.steps : scaleStep(input, need);
  const chosen = steps.slice(0, Math.max(0, limits.maxActions));
  if (chosen.length > 0) return asPlan(chosen, input);
  const why = steps.length > 0 ? `Sage may take no more than ${limits.maxActions} actions.` : local.why;
  return words([advice, why].filter(Boolean).join(' '));
}

/** Whether a culprit is likely enough to be one for something to be done; NaN is not. */
export function isSureEnough({ probability }: Pick<Culprit, 'probability'>, minProbability: number): boolean {
  return probability >= minProbability;
}

interface PlacedStep extends Step {
  readonly node: string;
}

interface LocalSteps {
  readonly steps: readonly PlacedStep[];
  /** Why there is none, where that is not the end of the ladder. */
  readonly why?: string;
}

const nothingLocal: LocalSteps = { steps: [] };

function localSteps(input: PlanInput, need: Need): LocalSteps {
  const { placement, culprit } = input;
  const { service, replica } = culprit;
  const all = placement.targetsOf(service);
  if (all.length === 0) return { ...nothingLocal, why: `No node agent looks after ${service}.` };
  const targets = replica === undefined ? all : all.filter((target) => isReplica(target, replica));
  if (replica !== undefined && targets.length === 0) return { ...nothingLocal, why: replicaUnknown(replica) };
  return { steps: targets.flatMap((target) => nextSteps(target, input, need)) };
}

/** Of the first rung that has something to turn on it, one that is in force and has range left included. */
function nextSteps({ node, state }: PlacedTarget, input: PlanInput, need: Need): readonly PlacedStep[] {
  const here = (knobs: readonly TurnedKnob[] = []) => knobs.filter((knob) => knob.node === node);
  const held = here(input.inForce);
  const resting = here(input.resting);
  for (const rung of ladder(input.culprit.resource)) {
    const steps = further((asked) => rung(state, asked), need, held)
      .filter(({ action }) => input.limits.allow?.includes(action.kind) ?? true)
      .filter(({ action }) => !held.some((knob) => alreadyDone(action, knob.action)))
      .filter(({ action }) => !resting.some((knob) => knobOf(knob.action) === knobOf(action)));
    if (steps.length > 0) return steps.map((step) => ({ node, ...step }));
  }
  return [];
}

/**
 * Where a knob is in force and the resource is to blame nevertheless, what was held to be enough was not: the next time it is
 * all of the way, whatever the model says.
 */
function further(
  stepsFor: (need: Need) => readonly Step[],
  need: Need,
  held: readonly TurnedKnob[],
): readonly Step[] {
  const steps = stepsFor(need);
  const isHeld = ({ action }: Step) => held.some((knob) => knobOf(knob.action) === knobOf(action));
  return steps.some(isHeld) ? stepsFor({ ...need, enough: 1, again: true }) : steps;
}

function scaleStep(input: PlanInput, need: Need): readonly PlacedStep[] {
  const { diagnosis, culprit, scale, inForce, resting = [], limits } = input;
  if (scale === undefined || limits.scale === undefined) return [];
  if (diagnosis.verdict !== 'workload' && !SCALES_OUT[culprit.resource]) return [];
  if (!(limits.allow?.includes('scale') ?? true)) return [];
  const bounds = limits.scale;
  return further((asked) => scaleOut(scale, bounds, asked), need, inForce)
    .filter(({ action }) => !resting.some((knob) => knobOf(knob.action) === knobOf(action)))
    .filter(({ action }) => !inForce.some((knob) => alreadyDone(action, knob.action)))
    .map((step) => ({ node: scale.orchestrator, ...step }));
}

function asPlan(steps: readonly PlacedStep[], { diagnosis, culprit, relief }: PlanInput): ActionPlan {
  const { service, resource, replica } = culprit;
  const whole = steps.every(({ restores }) => restores === 'all');
  const scales = steps.some(({ action }) => action.kind === 'scale');
  return {
    objective: diagnosis.objective,
    service,
    resource,
    actions: steps.map(({ node, action, reason }): PlannedAction => ({ node, action, reason })),
    ...(relief === undefined ? {} : { expectedMs: whole ? relief.restoredMs : relief.expectedMs }),
    recommendations: scales && replica !== undefined ? [scaledOut(service, replica)] : [],
  };
}

/** Who else runs where the culprit does: what a person could move. */
function neighboursText({ placement, culprit }: PlanInput): string[] {
  const { service, replica } = culprit;
  if (!SCALES_OUT[culprit.resource]) return [];
  const targets = placement
    .targetsOf(service)
    .filter((target) => replica === undefined || isReplica(target, replica));
  return [...new Set(targets.map(({ node }) => node))].flatMap((node) => {
    const others = placement.servicesOn(node).filter((other) => other !== service);
    return others.length === 0 ? [] : [sharing(service, node, others)];
  });
}

/** Nothing to go by is all of the way. */
function clamp(enough = 1): number {
  return enough > 0 && enough < 1 ? enough : 1;
}
