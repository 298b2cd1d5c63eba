import type { CausalGraph, CausalModel } from '@sage/causal-graph';
import type { Objective, Resource, Rng, Verdict, Window } from '@sage/core';
import type { Progress } from './progress.js';

/** How many calls each service had outstanding, second by second. */
export interface QueueDepths {
  /** The columns. */
  readonly services: readonly string[];
  /** Of each second the mean over it: calls sent to the service and not answered. */
  readonly seconds: readonly Float32Array[];
}

/** What was measured of a case, and nothing of what was injected. */
export interface Evidence {
  readonly graph: CausalGraph;
  /** Windows before the one in question, newest last. */
  readonly history: readonly Window[];
  /** The window in which the objective is broken. */
  readonly window: Window;
  readonly objective: Objective;
  readonly rng: Rng;
  /** Within the window; a simulator alone can tell. */
  readonly queueDepths?: QueueDepths;
}

/** What a method is shown of a case. */
export interface Observed extends Evidence {
  /** Learnt from the undisturbed windows, by whom it needs. */
  readonly model: CausalModel;
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

/** A way to find root causes. */
export interface Method {
  readonly name: string;
  answer(observed: Observed): Answer;
}

/** A way to find root causes that takes something from labelled runs before it is asked: thresholds, parameters, weights. */
export interface Calibrated {
  readonly name: string;
  /** `calibration` undefined: the suite has none. Undefined where it cannot do without what is missing. */
  prepare(calibration: Calibration | undefined, options: PrepareOptions): Promise<Method | undefined>;
}

export interface PrepareOptions {
  readonly rng: Rng;
  readonly progress: Progress;
}

/** A labelled run apart from the one that is scored, of the same application with other faults at other times. */
export interface Calibration {
  /** What would be asked about it. */
  readonly cases: readonly LabelledCase[];
  /** Its windows that lie wholly inside or wholly outside the time of a fault. */
  readonly windows: readonly LabelledWindow[];
}

export interface LabelledWindow {
  readonly window: Window;
  readonly queueDepths: QueueDepths;
  /** Who broke an objective in it; empty: nobody. */
  readonly truth: readonly Truth[];
}

/** What was injected. `resource` null: the data does not say, any answer is right. */
export interface Truth {
  readonly service: string;
  readonly resource: Resource | null;
}

/** One question and its answer. */
export interface LabelledCase<E extends Evidence = Evidence> {
  readonly id: string;
  readonly kind: string;
  readonly observed: E;
  /** Empty: nobody is to blame. */
  truth(): readonly Truth[];
}

/** One question of a suite; its truth is read after the methods have answered. */
export type Case = LabelledCase<Observed>;

export interface Training {
  /** Held-out R² of reconstruction over all latency nodes. */
  readonly r2: number;
  /** Of what metrics and the calls waited for foretell. */
  readonly foretoldR2: number;
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
  /** Made when it is first asked for. */
  calibration?(): Promise<Calibration>;
}

/** Bad data or an option that does not fit it; the message names file and place. */
export class DataError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DataError';
  }
}
