import { isSureEnough, type Relief } from '@sage/actuation';
import {
  type ActionKind,
  type Culprit,
  type Diagnosis,
  FEATURES,
  type Resource,
  readObjective,
} from '@sage/core';
import { diagnose, doseOf, loadRelief } from '@sage/root-cause';
import type { FaultCase } from '@sage/simulator';
import { metricOf, standardiser } from '../methods/columns.js';
import { normalWindows } from '../methods/reference-windows.js';
import { References } from '../methods/references.js';
import type { Evidence, Method, Observed, Ranked } from '../observed.js';

/** Whom to help, and how much of it is held to be enough. */
export interface Aim {
  readonly culprit: Culprit;
  readonly relief?: Relief | undefined;
}

/** Who decides whom to help; how that is done is for all of them the same planner's work. */
export interface Policy {
  readonly name: string;
  /** At every window, not only where an objective is broken. */
  readonly asksAlways: boolean;
  /** What it may turn. Default: everything. */
  readonly allow?: readonly ActionKind[];
  /** Below this probability of a culprit it does nothing. */
  readonly minProbability: number;
  diagnose(observed: Observed): Diagnosis;
  /** What a diagnosis, of this window or of one before it, asks for now. */
  aims(diagnosis: Diagnosis, observed: Observed): readonly Aim[];
}

/** From which probability on Sage acts unless it is configured otherwise; the objective shall then hold with it. */
const MIN_PROBABILITY = 0.7;

/** Sage as it runs: its diagnosis, and how much its model says is enough. */
export const sagePolicy: Policy = {
  name: 'sage',
  asksAlways: false,
  minProbability: MIN_PROBABILITY,
  diagnose: ({ rng, ...input }) => diagnose(input, { rng }),
  aims: ({ verdict, culprits }, { rng, ...input }) => {
    const options = { rng, probability: MIN_PROBABILITY };
    if (verdict === 'culprits') {
      const helped = culprits.filter((culprit) => isSureEnough(culprit, MIN_PROBABILITY));
      const relief = doseOf(helped.map(partOf), input, options);
      return helped.map((culprit) => ({ culprit, relief }));
    }
    if (verdict !== 'workload') return [];
    const relief = loadRelief(input, options);
    if (relief === undefined) return [];
    const { service, resource, evidence, probability, share, expectedMs, restoredMs } = relief;
    const culprit = { service, resource, evidence, probability, share: 1, effectMs: 0 };
    return [{ culprit, relief: { enough: share, expectedMs, restoredMs } }];
  },
};

function partOf({ service, resource }: Culprit): Pick<Culprit, 'service' | 'resource'> {
  return { service, resource };
}

/**
 * A method whose answer is acted on as it stands: all that it blames is helped, all of the way, whatever the score. Where it
 * names a service and no resource, the operator takes the one whose metrics of that service are oddest.
 */
export function answeringPolicy(
  method: Method,
  {
    asksAlways = false,
    allow,
  }: { readonly asksAlways?: boolean; readonly allow?: readonly ActionKind[] } = {},
): Policy {
  return {
    name: method.name,
    asksAlways,
    ...(allow === undefined ? {} : { allow }),
    minProbability: 0,
    diagnose: (observed) => {
      const { verdict, blamed } = method.answer(observed);
      const culprits = (verdict === 'culprits' ? blamed : []).map(
        ({ service, resource, probability }): Culprit => ({
          service,
          resource: resource ?? oddestResource(service, observed),
          probability,
          share: 1 / blamed.length,
          effectMs: 0,
          evidence: [],
        }),
      );
      const { window, objective } = observed;
      return {
        objective: objective.name,
        verdict,
        windowStartMs: window.startMs,
        windowEndMs: window.endMs,
        observedMs: readObjective(objective, window).observedMs,
        thresholdMs: objective.thresholdMs,
        culprits,
        services: [],
        resources: [],
        victims: [],
        reason: '',
      };
    },
    aims: ({ culprits }) => culprits.map((culprit) => ({ culprit })),
  };
}

export const ALL_KNOWING = 'all-knowing';

/** Told who is at fault, as nobody is: what is left is what acting itself takes. */
export function allKnowing(episodes: readonly FaultCase[]): Policy {
  return answeringPolicy({
    name: ALL_KNOWING,
    answer: ({ window }) => {
      const blamed = episodes
        .filter(({ startMs, endMs }) => startMs < window.endMs && endMs > window.startMs)
        .flatMap(({ truths }) => truths)
        .map(({ service, resource }): Ranked => ({ service, resource, probability: 1 }));
      return { verdict: blamed.length > 0 ? 'culprits' : 'undetermined', blamed, ranked: blamed };
    },
  });
}

/** An autoscaler looks at use alone, objective or no objective, and gives cores or replicas. */
export function scalingPolicy(method: Method): Policy {
  return answeringPolicy(method, { asksAlways: true, allow: ['cpu-quota', 'scale'] });
}

/** Of the resources that something can be turned for, the one of the metric furthest from normal; the processor without any. */
export function oddestResource(service: string, evidence: Evidence): Resource {
  const normal = new References().of(evidence, normalWindows(evidence));
  let oddest: { readonly resource: Resource; readonly z: number } = { resource: 'cpu', z: 0 };
  for (const feature of evidence.window.metrics.get(service)?.keys() ?? []) {
    const { resource } = FEATURES[feature];
    const z = Math.abs(standardiser(metricOf(service, feature), normal)(evidence.window));
    if (resource !== 'software' && z > oddest.z) oddest = { resource, z };
  }
  return oddest.resource;
}
