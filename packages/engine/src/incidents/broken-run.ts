import { type Objective, readObjective, type Window } from '@sage/core';

export type WindowChoice = { readonly kind: 'use'; readonly window: Window } | { readonly kind: 'wait' };

export interface ChooseOptions {
  readonly windowSeconds: number;
  readonly slideSeconds: number;
}

/**
 * The window to diagnose. Windows overlap, and p99 breaks when 1 % of a window is slow: its metrics are still those of
 * the good time. So the run of broken windows must be long enough for the latest to lie mostly inside the violation.
 * Where the objective holds already, the latest window that broke it; where none did, the latest one.
 */
export function chooseWindow(
  objective: Objective,
  windows: readonly Window[],
  options: ChooseOptions,
): WindowChoice {
  const latest = windows.at(-1);
  if (latest === undefined) return { kind: 'wait' };
  const run = brokenRun(objective, windows);
  if (run > 0 && run < neededRun(options)) return { kind: 'wait' };
  const broken = windows.findLast((window) => readObjective(objective, window).broken);
  return { kind: 'use', window: broken ?? latest };
}

export function neededRun({ windowSeconds, slideSeconds }: ChooseOptions): number {
  return Math.max(2, Math.round(1 + windowSeconds / 2 / slideSeconds));
}

/** How many windows up to the latest are broken without a break between. */
export function brokenRun(objective: Objective, windows: readonly Window[]): number {
  const firstGood = windows.findLastIndex((window) => !readObjective(objective, window).broken);
  return windows.length - 1 - firstGood;
}
