import type { CausalGraph } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import { type FittedModel, fitModel, MIN_WINDOWS } from '@sage/gvae';

/** How a model is made for the application after a roll-out (paper, section on retraining). */
export const POLICIES = ['from scratch', 'incremental', 'partial + incremental'] as const;
export type Policy = (typeof POLICIES)[number];

/** What there is to learn from, some time after a roll-out. */
export interface Material {
  readonly graph: CausalGraph;
  /** Since the roll-out. */
  readonly windows: readonly Window[];
  /** Of the version before; who learns from scratch does not look at it. */
  readonly present: FittedModel;
  readonly seed: number;
}

/**
 * The model that a policy has then. Before there are windows enough to learn from, who learns from scratch has none
 * (undefined), and the others have the one of before, reshaped to the new graph.
 */
export async function modelBy(policy: Policy, material: Material): Promise<FittedModel | undefined> {
  const { graph, windows, present, seed } = material;
  const isEnough = windows.length >= MIN_WINDOWS;
  if (policy === 'from scratch') return isEnough ? fitModel(graph, windows, { seed }) : undefined;
  const known = policy === 'incremental' ? 'all' : 'changed';
  return fitModel(graph, windows, { seed, present, relearn: isEnough ? known : 'nothing' });
}
