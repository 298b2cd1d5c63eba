import type { Intervention } from '@sage/causal-graph';
import {
  callsPerSecond,
  type Evidence,
  FEATURES,
  type FeatureName,
  median,
  objectiveNode,
  type Resource,
  type Rng,
  readObjective,
  type Window,
} from '@sage/core';
import { strength } from './anomaly.js';
import { resourceEvidence } from './evidence.js';
import type { NodeDraws } from './excused-waits.js';
import { type Restoration, restore } from './intervene.js';
import { type DiagnoseInput, resolveOptions } from './options.js';
import { drawer } from './outlook.js';
import { type Scene, sceneOf } from './scene.js';
import { normalLoad } from './workload.js';

export interface ReliefOptions {
  readonly rng: Rng;
  /** The objective shall hold with this probability. Default 0.7. */
  readonly probability?: number;
  /** Worlds drawn per counterfactual. Default 64. */
  readonly samples?: number;
}

/** How far something must be made normal for the objective to hold. */
export interface Dose {
  /** The smallest share of the way, above 0 and up to 1, in steps of 1/16; 1 where all of it is needed or too little. */
  readonly enough: number;
  /** Median latency of the objective then, ms. */
  readonly expectedMs: number;
  /** …and at the end of the way, ms. */
  readonly restoredMs: number;
  /** P(the objective holds), at the end of the way. */
  readonly probability: number;
}

export interface LoadRelief extends Dose {
  /** The service that waits most for something, and for what. */
  readonly service: string;
  readonly resource: Resource;
  readonly evidence: readonly Evidence[];
  /** Of the present load, what has to go elsewhere; `enough` is the share of the way back to the normal load. */
  readonly share: number;
}

/**
 * Aims below the objective by as much as the reference's search does (section 3: restored is below 0.8 × QoS), where
 * that can be reached; else at the objective.
 */
const MARGIN = 0.8;
const BISECTIONS = 4;
const DEFAULT_PROBABILITY = 0.7;

/**
 * The smallest part of the way from observed to normal, the same for all `culprits` that are helped together, at which the
 * objective holds with the desired probability, or with the highest that there is. None of them counts on another becoming
 * wholly normal: each is asked about beside the others at their own dose. A dose d of do(X = normal) sets each metric to
 * observed + d·(normal − observed), and takes d of what all of the way takes of the latency that is unexplained: the further
 * the objective is broken, the nearer to 1. Found by bisection, since more of it helps no less. undefined where nothing can
 * be asked.
 */
export function doseOf(
  culprits: readonly Restoration[],
  input: DiagnoseInput,
  options: ReliefOptions,
): Dose | undefined {
  const scene = sceneOf(input, resolveOptions({ rng: options.rng }));
  const known = culprits.filter(({ service }) => scene?.facts.view.services.includes(service));
  if (scene === undefined || known.length === 0) return undefined;
  const draws = drawsIn(scene, { input, options });
  return smallestDose(restore(known, scene.facts, draws), draws, input, options);
}

/** The same for the load, with the service that it saturates. undefined where the load is not above normal. */
export function loadRelief(input: DiagnoseInput, options: ReliefOptions): LoadRelief | undefined {
  const settings = resolveOptions({ rng: options.rng });
  const scene = sceneOf(input, settings);
  const load = readObjective(input.objective, input.window).requestsPerSecond;
  const growth = scene === undefined ? 0 : load / scene.facts.reference.loadPerSecond;
  if (scene === undefined || !(growth > 1) || !Number.isFinite(growth)) return undefined;
  const { anomalyThreshold: threshold } = settings;
  const whole = normalLoad(scene.facts.reference, scene.signs, { window: input.window, growth, threshold });
  const dose = smallestDose(whole, drawsIn(scene, { input, options }), input, options);
  const saturated = mostStrained(scene);
  if (dose === undefined || saturated === undefined) return undefined;
  const evidence = resourceEvidence(
    scene.signsOf(saturated.service),
    saturated.resource,
    scene.facts.responsibility,
  );
  return { ...dose, ...saturated, evidence, share: dose.enough * (1 - 1 / growth) };
}

/** In the same worlds for every intervention. */
function drawsIn(
  { abduction, ownDelays }: Scene,
  { input, options }: { readonly input: DiagnoseInput; readonly options: ReliefOptions },
): NodeDraws {
  const worlds = { samples: options.samples ?? 64, rng: options.rng.fork('relief'), ownDelays };
  return drawer(input.model, abduction, { objective: input.objective, ...worlds });
}

/** `whole`: at the end of the way. */
function smallestDose(
  whole: Intervention,
  draws: NodeDraws,
  input: DiagnoseInput,
  options: ReliefOptions,
): Dose | undefined {
  const ask = (dose: number) => outcomeAt(dose, whole, draws, input);
  const restored = ask(1);
  if (restored === undefined) return undefined;
  const { thresholdMs } = input.objective;
  const { probability: desired = DEFAULT_PROBABILITY } = options;
  const probability = restored.within(thresholdMs);
  const aimMs = restored.within(MARGIN * thresholdMs) >= desired ? MARGIN * thresholdMs : thresholdMs;
  const wanted = Math.min(desired, probability);
  let [least, enough, found] = [0, 1, restored];
  for (let i = 0; i < BISECTIONS && wanted > 0; i++) {
    const dose = (least + enough) / 2;
    const outcome = ask(dose);
    if (outcome !== undefined && outcome.within(aimMs) >= wanted) [enough, found] = [dose, outcome];
    else least = dose;
  }
  return { enough, expectedMs: found.medianMs, restoredMs: restored.medianMs, probability };
}

interface DoseOutcome {
  /** P(latency ≤ limit). */
  readonly within: (limitMs: number) => number;
  readonly medianMs: number;
}

/**
 * Of each world its latency where all that is unexplained stays, and where it goes as at the end of the way: at a dose d it
 * is d of the way between the two. (`exogenous` between 0 and 1 would not say it: that is how likely all of it stays.)
 */
function outcomeAt(
  dose: number,
  whole: Intervention,
  drawsOf: NodeDraws,
  { objective, window }: Pick<DiagnoseInput, 'objective' | 'window'>,
): DoseOutcome | undefined {
  const seen = seenPart(dose, whole, window);
  const drawsWith = (exogenous: Intervention['exogenous']) =>
    drawsOf({ ...seen, exogenous }, objectiveNode(objective));
  const stays = drawsWith(new Map());
  const draws = drawsWith(whole.exogenous).map((ms, world) => between(stays[world] ?? ms, ms, dose));
  if (draws.length === 0) return undefined;
  return {
    within: (limitMs) => draws.filter((ms) => ms <= limitMs).length / draws.length,
    medianMs: median(draws),
  };
}

/** What is measured, at a part of the way. */
function seenPart(dose: number, whole: Intervention, window: Window): Pick<Intervention, 'metrics' | 'load'> {
  const observed = (service: string, feature: FeatureName, otherwise: number) =>
    window.metrics.get(service)?.get(feature) ?? otherwise;
  return {
    metrics: new Map(
      [...whole.metrics].map(([service, features]) => [
        service,
        new Map(
          [...features].map(([feature, value]) => [
            feature,
            between(observed(service, feature, value), value, dose),
          ]),
        ),
      ]),
    ),
    load: new Map(
      [...whole.load].map(([root, value]) => [root, between(callsPerSecond(window, root), value, dose)]),
    ),
  };
}

function between(from: number, to: number, part: number): number {
  return from + part * (to - from);
}

interface Strain {
  readonly service: string;
  readonly resource: Resource;
  readonly z: number;
}

/** Who suffers most contention, and of what; where none is noticeable, whose own compute is slowest. */
function mostStrained({ signs }: Scene): Pick<Strain, 'service' | 'resource'> | undefined {
  const all = [...signs.values()];
  const waiting = all.flatMap(({ service, features }) =>
    features
      .filter(({ feature }) => FEATURES[feature].role === 'contention')
      .map(({ feature, z }): Strain => ({ service, resource: FEATURES[feature].resource, z })),
  );
  const slow = all.flatMap(({ service, exclusive }) =>
    exclusive.map(({ z }): Strain => ({ service, resource: 'cpu', z })),
  );
  const most = worst(waiting) ?? worst(slow);
  return most && { service: most.service, resource: most.resource };
}

function worst(strains: readonly Strain[]): Strain | undefined {
  const noticeable = strains.filter(({ z }) => strength(z) > 0);
  return noticeable.sort((a, b) => b.z - a.z)[0];
}
