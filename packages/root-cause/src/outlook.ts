import type { Abduction, CausalModel, Intervention } from '@sage/causal-graph';
import { median, type Objective, objectiveNode, type Rng } from '@sage/core';
import type { NodeDraws } from './excused-waits.js';
import { type Restoration, type RestorationFacts, restore } from './intervene.js';
import { NOISE_Z } from './standing.js';

/** The objective in the worlds after an intervention. */
export interface Outlook {
  /** P(objective's percentile ≤ threshold). */
  readonly probability: number;
  /** P(objective's percentile as low as usual, and ≤ threshold). */
  readonly usual: number;
  readonly medianMs: number;
}

/** Answers "what if these behaved normally", each question once. */
export type Counterfactuals = (parts: readonly Restoration[]) => Outlook;

export interface WorldOptions {
  readonly objective: Objective;
  readonly rng: Rng;
  readonly samples: number;
}

export interface OutlookOptions extends WorldOptions {
  /** The objective's percentile is usually no higher than this. */
  readonly usualMs: number;
}

/** What an objective's percentile is usually no higher than, ms: no more above its centre than is noise. */
export function usualLimitMs(
  { view, reference }: Pick<RestorationFacts, 'view' | 'reference'>,
  { percentile, thresholdMs }: Objective,
): number {
  const normal = reference.latency(view.target.id, percentile);
  return normal === undefined ? thresholdMs : normal.center + NOISE_Z * normal.spread;
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
  options: OutlookOptions & { readonly intervention: Intervention },
): Outlook {
  const { objective, intervention, usualMs } = options;
  const draws = drawer(model, abduction, options)(intervention, objectiveNode(objective));
  const within = (limitMs: number): number =>
    draws.length === 0 ? 0 : draws.reduce((count, ms) => count + (ms <= limitMs ? 1 : 0), 0) / draws.length;
  const { thresholdMs } = objective;
  return {
    probability: within(thresholdMs),
    usual: within(Math.min(usualMs, thresholdMs)),
    medianMs: median(draws),
  };
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
  options: OutlookOptions & { readonly facts: RestorationFacts },
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
