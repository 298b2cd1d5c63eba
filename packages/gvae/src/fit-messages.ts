import type { CausalGraph } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import type { FitFailure } from './fit-error.js';
import type { FitProgress } from './learn-units.js';

/** What a training thread is started with: plain data only. */
export interface FitRequest {
  readonly graph: CausalGraph;
  readonly windows: readonly Window[];
  /** Those of them, and later ones, that lie outside incidents: the same objects. */
  readonly calm: readonly Window[] | undefined;
  readonly epochs: number | undefined;
  readonly seed: number;
  /** The model in use, as saved. */
  readonly present: string | undefined;
}

export type FitMessage =
  | { readonly kind: 'progress'; readonly progress: FitProgress }
  | { readonly kind: 'done'; readonly model: string }
  /** The model in use still holds. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly reason: FitFailure | undefined; readonly message: string };
