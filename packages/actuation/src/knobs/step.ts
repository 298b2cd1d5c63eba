import type { Action, Culprit, TargetState } from '@sage/core';

/** What the counterfactual asks for, and what was measured of the culprit. */
export interface Need {
  /**
   * The share, above 0 and up to 1, of the way from observed to normal at which the model says that the objective
   * holds.
   */
  readonly enough: number;
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

/** Where nothing measured says how much is missing, twice as much stands for the whole way. */
export function grownBy(current: number, enough: number): number {
  return current * (1 + enough);
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
