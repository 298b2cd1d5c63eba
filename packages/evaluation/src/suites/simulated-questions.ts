import type { Objective, Window } from '@sage/core';
import type { Period } from './hotel-files.js';
import { type Remembered, remember } from './hotel-questions.js';
import { type Judged, worstOf } from './simulated-objectives.js';

/** A window to ask about, and the objective. */
export interface Question extends Judged {
  readonly window: Window;
}

/**
 * Of the windows wholly inside a time the first that breaks an objective, and the one that it breaks most; where none
 * does, the latest. Undefined where there is no window.
 */
export function questionDuring(
  { startMs, endMs }: Period,
  windows: readonly Window[],
  objectives: readonly Objective[],
): Question | undefined {
  const inside = windows
    .filter((window) => window.startMs >= startMs && window.endMs <= endMs)
    .map((window): Question => ({ window, ...worstOf(window, objectives) }));
  return inside.find(isBroken) ?? inside.at(-1);
}

/** Of calm windows every one that breaks an objective, and one in so many of all. */
export function calmQuestions(
  calm: readonly Window[],
  objectives: readonly Objective[],
  oneIn: number,
): readonly Question[] {
  return calm
    .map((window): Question => ({ window, ...worstOf(window, objectives) }))
    .filter((question, index) => isBroken(question) || (index + 1) % oneIn === 0);
}

export function isBroken({ ratio }: Judged): boolean {
  return ratio > 1;
}

/** Windows as the engine remembers them: in an incident while any of the objectives is. */
export function rememberAll(
  windows: readonly Window[],
  objectives: readonly Objective[],
): readonly Remembered[] {
  const apart = objectives.map((objective) => remember(windows, objective));
  return windows.map((window, index) => ({
    window,
    inIncident: apart.some((remembered) => remembered[index]?.inIncident),
    opens: apart.some((remembered) => remembered[index]?.opens),
  }));
}
