import type { Abduction, CausalModel, Intervention, MeanDelay } from '@sage/causal-graph';
import { type LatencyNodeId, median, type Objective, objectiveNode, type Rng } from '@sage/core';
import type { NodeDraws } from './excused-waits.js';
import { type Restoration, type RestorationFacts, restore } from './intervene.js';

/** The objective in the worlds after an intervention. */
export interface Outlook {
  /** P(objective's percentile ≤ threshold). */
  readonly probability: number;
  readonly medianMs: number;
}

/** Answers "what if these behaved normally", each question once. */
export type Counterfactuals = (parts: readonly Restoration[]) => Outlook;

export interface WorldOptions {
  readonly objective: Objective;
  readonly rng: Rng;
  readonly samples: number;
  /** By how much longer than usual nodes took by themselves, where means tell. */
  readonly ownDelays: ReadonlyMap<LatencyNodeId, MeanDelay>;
}

/**
 * Draws the objective after an intervention, in the worlds of `rng`: the same for every intervention that is given it.
 *
 * All that is not intervened on keeps its posterior. The other world of the reference, others drawn from their prior,
 * is left out on purpose: there a second culprit's hidden fault vanishes by itself, and the first is credited with it.
 */
export function foresee(
  model: CausalModel,
  abduction: Abduction,
  options: WorldOptions & { readonly intervention: Intervention },
): Outlook {
  const { objective, intervention } = options;
  const draws = drawer(model, abduction, options)(intervention, objectiveNode(objective));
  const kept = draws.reduce((count, ms) => count + (ms <= objective.thresholdMs ? 1 : 0), 0);
  return { probability: draws.length === 0 ? 0 : kept / draws.length, medianMs: median(draws) };
}

/** Draws latencies at the objective's percentile, in the worlds of `rng`. */
export function drawer(
  model: CausalModel,
  abduction: Abduction,
  { objective, ...worlds }: WorldOptions,
): NodeDraws {
  return (intervention, node) =>
    model.predict(abduction, intervention, worlds).draws(node, objective.percentile);
}

export function counterfactuals(
  model: CausalModel,
  abduction: Abduction,
  options: WorldOptions & { readonly facts: RestorationFacts },
): Counterfactuals {
  const answers = new Map<string, Outlook>();
  const draws = drawer(model, abduction, options);
  return (parts) => {
    const key = parts
      .map(({ service, resource }) => `${service}\n${resource ?? ''}`)
      .sort()
      .join('\n\n');
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = foresee(model, abduction, {
      ...options,
      intervention: restore(parts, options.facts, draws),
    });
    answers.set(key, answer);
    return answer;
  };
}
