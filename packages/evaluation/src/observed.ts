import type { CausalGraph, CausalModel } from '@sage/causal-graph';
import type { Objective, Resource, Rng, Verdict, Window } from '@sage/core';

/** What a method is shown of a case: what was measured, and nothing of what was injected. */
export interface Observed {
  /** Learnt from the undisturbed windows, by whom it needs. */
  readonly model: CausalModel;
  readonly graph: CausalGraph;
  /** Windows before the one in question, newest last. */
  readonly history: readonly Window[];
  /** The window in which the objective is broken. */
  readonly window: Window;
  readonly objective: Objective;
  readonly rng: Rng;
}

/** A service, and the resource of it where the method names one. */
export interface Ranked {
  readonly service: string;
  readonly resource: Resource | null;
  /** Of being a cause, as the method sees it; scores of methods without probabilities are scaled to 0..1. */
  readonly probability: number;
}

export interface Answer {
  readonly verdict: Verdict;
  /** Blamed where the verdict is `culprits`; the others are ranked only. Most likely first. */
  readonly blamed: readonly Ranked[];
  /** All that the method has an opinion on, the blamed first. */
  readonly ranked: readonly Ranked[];
}

/** A way to find root causes. Unsupervised: it never sees a label. */
export interface Method {
  readonly name: string;
  answer(observed: Observed): Answer;
}

/** What was injected. `resource` null: the data does not say, any answer is right. */
export interface Truth {
  readonly service: string;
  readonly resource: Resource | null;
}

/** One question of a suite. */
export interface Case {
  readonly id: string;
  readonly kind: string;
  readonly observed: Observed;
  /** Read after the methods have answered. Empty: nobody is to blame. */
  truth(): readonly Truth[];
}

export interface Training {
  /** Held-out R² of reconstruction over all latency nodes. */
  readonly r2: number;
  readonly seconds: number;
  readonly windows: number;
}

/** A suite's cases, and figures that only it has. */
export interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly trainings: readonly Training[];
  /** Named figures for the summary beside the common ones, and a line of words for each. */
  readonly notes: readonly string[];
}

/** Bad data or an option that does not fit it; the message names file and place. */
export class DataError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DataError';
  }
}
