import type { Action, Culprit, TargetState } from '@sage/core';

/** What the counterfactual asks for, and what was measured of the culprit. */
export interface Need {
  /**
   * The share, above 0 and up to 1, of the way from observed to normal at which the model says that the objective
   * holds.
   */
  readonly enough: number;
  /** The knob is in force, and what was enough by the model was not: no measurement of what is missing is believed alone. */
  readonly again: boolean;
  readonly evidence: Culprit['evidence'];
}

export interface Step {
  readonly action: Action;
  readonly reason: string;
  /** Whether it takes about `enough` of the way, or as good as all of it. */
  readonly restores: 'enough' | 'all';
}

/** One step of a ladder: the change it would make to a target now. Empty where it has nothing to turn. */
export type Rung = (state: TargetState, need: Need) => readonly Step[];

/**
 * Of what is held down nobody sees how much is missing, so neither can a part of it be told: each step takes twice as much,
 * and the shortest way to any amount is few of them.
 */
export function doubled(current: number): number {
  return 2 * current;
}

/**
 * Weights share what is contended for in proportion (generalised processor sharing, Parekh and Gallager 1993): with
 * neighbours of weight R the wait per unit of service is R/w. For the wait to fall to (1 − e) of it, w' = w/(1 − e).
 */
export function weightFor(current: number, max: number, enough: number): number {
  return enough >= 1 ? max : Math.min(max, Math.ceil(current / (1 - enough)));
}

/** As people write numbers: three digits. */
export function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Upwards at the second decimal, so that a rounded step is still enough. */
export function roundUp(value: number): number {
  return Math.ceil(100 * value - 1e-6) / 100;
}
