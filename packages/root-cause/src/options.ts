import type { CausalModel } from '@sage/causal-graph';
import type { Objective, Rng, Window } from '@sage/core';

export interface DiagnoseInput {
  readonly model: CausalModel;
  /** The window in which the objective was broken. */
  readonly window: Window;
  /** Windows before it, newest last. Good and bad ones: the search picks its own reference. */
  readonly history: readonly Window[];
  readonly objective: Objective;
}

/** `sage`: evidence-led search with probabilities. `faithful`: the published greedy argmin, to compare with. */
export type Method = 'sage' | 'faithful';

export interface DiagnoseOptions {
  readonly rng: Rng;
  /** Worlds drawn per counterfactual. Default 64. */
  readonly samples?: number;
  /** Default `sage`. */
  readonly method?: Method;
  /** Below this probability of restoring the objective nobody is blamed. Default 0.5. */
  readonly minProbability?: number;
  /**
   * Part of the excess over the usual latency that the culprits together must explain. Default 0.6. Where many services
   * are a little slow, the objective may be met again by restoring any of them: none is the cause.
   */
  readonly minExplained?: number;
  /** Most services blamed at once. Default 3, at most 3: shares are exact up to there. */
  readonly maxCulprits?: number;
  /** Robust z from which a service's own mechanism counts as anomalous. Default 6. */
  readonly anomalyThreshold?: number;
  /** Load above this multiple of the largest load that met the objective is a surge. Default 1.3. */
  readonly surgeRatio?: number;
}

export type Settings = Required<DiagnoseOptions>;

const MAX_CULPRITS = 3;

/** Fills in the defaults. Throws a RangeError that names the option: wrong options are a bug of the caller. */
export function resolveOptions(options: DiagnoseOptions): Settings {
  const settings: Settings = {
    rng: options.rng,
    samples: options.samples ?? 64,
    method: options.method ?? 'sage',
    minProbability: options.minProbability ?? 0.5,
    minExplained: options.minExplained ?? 0.6,
    maxCulprits: options.maxCulprits ?? MAX_CULPRITS,
    anomalyThreshold: options.anomalyThreshold ?? 6,
    surgeRatio: options.surgeRatio ?? 1.3,
  };
  const rules: readonly [keyof Settings, boolean, string][] = [
    ['samples', Number.isInteger(settings.samples) && settings.samples >= 1, 'a whole number from 1'],
    ['method', settings.method === 'sage' || settings.method === 'faithful', "'sage' or 'faithful'"],
    ['minProbability', settings.minProbability >= 0 && settings.minProbability <= 1, 'between 0 and 1'],
    ['minExplained', settings.minExplained >= 0 && settings.minExplained <= 1, 'between 0 and 1'],
    [
      'maxCulprits',
      Number.isInteger(settings.maxCulprits) &&
        settings.maxCulprits >= 1 &&
        settings.maxCulprits <= MAX_CULPRITS,
      `a whole number from 1 to ${MAX_CULPRITS}`,
    ],
    ['anomalyThreshold', settings.anomalyThreshold > 0, 'above 0'],
    ['surgeRatio', settings.surgeRatio >= 1, 'at least 1'],
  ];
  for (const [name, holds, expected] of rules) {
    if (!holds) throw new RangeError(`diagnose: ${name} must be ${expected}, got ${String(settings[name])}`);
  }
  return settings;
}
