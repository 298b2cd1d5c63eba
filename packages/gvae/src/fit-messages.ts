import type { CausalGraph } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import type { FitFailure, FitProgress } from './fit-model.js';

/** What a training thread is started with: plain data only. */
export interface FitRequest {
  readonly graph: CausalGraph;
  readonly windows: readonly Window[];
  readonly epochs: number | undefined;
  readonly seed: number;
  /** A saved model. */
  readonly warmStart: string | undefined;
}

export type FitMessage =
  | { readonly kind: 'progress'; readonly progress: FitProgress }
  | { readonly kind: 'done'; readonly model: string }
  | { readonly kind: 'failed'; readonly reason: FitFailure | undefined; readonly message: string };
