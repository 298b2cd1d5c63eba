import { isSureEnough, type Relief } from '@sage/actuation';
import type { CausalModel } from '@sage/causal-graph';
import {
  type Culprit,
  createRng,
  type Diagnosis,
  errorMessage,
  type Logger,
  type Objective,
  type Window,
} from '@sage/core';
import type { Parts } from '../parts.js';

/** Whom to help, and how much the model says is enough. */
export interface Aim {
  readonly culprit: Culprit;
  readonly relief: Relief | undefined;
}

export interface AimFacts {
  readonly parts: Pick<Parts, 'relief' | 'loadRelief'>;
  readonly model: CausalModel | undefined;
  /** One in which the objective is broken, the newer the better. */
  readonly window: Window | undefined;
  /** Windows to take the normal from. */
  readonly history: readonly Window[];
  readonly objective: Objective;
  readonly probability: number;
  readonly seed: number;
  readonly logger: Logger;
}

/**
 * Whom a diagnosis asks to be helped: each culprit, as much as is enough where all of those that are likely enough are helped
 * so; for `workload` the service that saturates; for `undetermined` who is most suspect, of whom a plan only speaks.
 */
export function aimsOf(diagnosis: Diagnosis, facts: AimFacts): readonly Aim[] {
  const { parts, model, window, history, objective, probability } = facts;
  const rng = createRng(facts.seed);
  const context =
    model === undefined || window === undefined
      ? undefined
      : { model, window, history, objective, probability };
  switch (diagnosis.verdict) {
    case 'culprits': {
      const culprits = diagnosis.culprits.filter((culprit) => isSureEnough(culprit, probability));
      const relief =
        culprits.length === 0
          ? undefined
          : context && attempt(facts, () => parts.relief({ ...context, culprits }, rng));
      return diagnosis.culprits.map((culprit) => ({
        culprit,
        relief: culprits.includes(culprit) ? relief : undefined,
      }));
    }
    case 'workload': {
      const relief = context && attempt(facts, () => parts.loadRelief(context, rng));
      if (relief === undefined) return suspect(diagnosis);
      const { service, resource, evidence, share, expectedMs, restoredMs } = relief;
      const effectMs = Math.max(0, (diagnosis.observedMs ?? restoredMs) - restoredMs);
      return [
        {
          culprit: { service, resource, evidence, effectMs, share: 1, probability: relief.probability },
          relief: { enough: share, expectedMs, restoredMs },
        },
      ];
    }
    case 'undetermined':
      return suspect(diagnosis);
    case 'no-violation':
      return [];
  }
}

function suspect({ services, resources }: Diagnosis): readonly Aim[] {
  const [first] = services;
  if (first === undefined) return [];
  const { service, probability, evidence } = first;
  const resource = resources.find((candidate) => candidate.service === service)?.resource ?? 'software';
  const culprit = { service, resource, probability, share: 0, effectMs: 0, evidence };
  return [{ culprit, relief: undefined }];
}

/** A bug in the model must not keep a diagnosis from being acted on. */
function attempt<T>({ logger, objective }: AimFacts, ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    const fields = { objective: objective.name, error: errorMessage(error) };
    logger.error('how much is enough could not be computed', fields);
    return undefined;
  }
}
