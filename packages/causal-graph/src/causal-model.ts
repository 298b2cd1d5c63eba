import type { FeatureName, LatencyNodeId, Percentile, Rng, Window } from '@sage/core';
import type { CausalGraph } from './causal-graph.js';

/** Observed, expected given the node's OBSERVED parents, and how unusual the difference is. */
export interface Residual {
  readonly observedMs: number;
  readonly expectedMs: number;
  /** (observed − expected) / how far above it that lies in ordinary windows, of those the model learnt from, as a σ. */
  readonly z: number;
}

/** What a window says about the unseen: Pearl's first step. Opaque but for the residuals. */
export interface Abduction {
  readonly window: Window;
  /** The node's own mechanism against its observed parents; undefined where the window lacks the node. */
  residual(node: LatencyNodeId, percentile: Percentile): Residual | undefined;
}

/** Pearl's second step: what is set by hand. Whatever is not named keeps what was observed or abducted. */
export interface Intervention {
  /** do(X_s,feature = value). */
  readonly metrics: ReadonlyMap<string, ReadonlyMap<FeatureName, number>>;
  /**
   * Per node the part, 0..1, of what its metrics do not explain (latents and residual) that stays, default 1. A part in
   * between is the probability that all of it stays: in the other worlds it becomes what is normal.
   */
  readonly exogenous: ReadonlyMap<LatencyNodeId, number>;
  /** do(requests per second of a root = value). */
  readonly load: ReadonlyMap<LatencyNodeId, number>;
}

export const NO_INTERVENTION: Intervention = {
  metrics: new Map(),
  exogenous: new Map(),
  load: new Map(),
};

/** Pearl's third step: draws of every latency node in the world after the intervention. */
export interface Prediction {
  /** `samples` draws in ms. Draw i of every node belongs to the same world. */
  draws(node: LatencyNodeId, percentile: Percentile): Float64Array;
}

export interface PredictOptions {
  /** Number of worlds to draw. Default 64. */
  readonly samples?: number;
  /** The same seed gives the same noise for every intervention, so that candidates differ only by what was done. */
  readonly rng: Rng;
  /**
   * By how much longer than usual nodes took themselves, in the mean, ms, where means tell: their quantiles may hide it
   * behind what they were handed, and show it once that is less.
   */
  readonly ownDelays?: ReadonlyMap<LatencyNodeId, MeanDelay>;
}

/** The mean of what a node took in a window, ms, in two. */
export interface MeanDelay {
  /** Longer than usual, of its own… */
  readonly delayMs: number;
  /** …and all else: what it was handed, and its usual own time. */
  readonly restMs: number;
}

/** What the search for root causes needs of a model, and all it sees of one. */
export interface CausalModel {
  readonly graph: CausalGraph;
  /** Held-out R² of the latency of each service's own nodes, reconstructed with it in sight. */
  readonly r2: ReadonlyMap<string, number>;
  /** The same foretold by metrics, load and the calls waited for, the latency itself unseen. */
  readonly foretold: ReadonlyMap<string, number>;

  abduct(window: Window): Abduction;
  predict(abduction: Abduction, intervention: Intervention, options: PredictOptions): Prediction;
}
