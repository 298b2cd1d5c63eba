import { median, type Objective, readObjective, type Window } from '@sage/core';

/** A question about the calm past, to be asked for no other reason than that the next one is answered faster. */
export interface Rehearsal {
  readonly window: Window;
  readonly history: readonly Window[];
  readonly objective: Objective;
}

/** Without so many windows nothing is normal, and the answer comes too soon to be a rehearsal. */
const LEAST_WINDOWS = 20;

/**
 * The newest window that took longer than usual, held against what is usual as its objective. A program's machine code
 * is made while it first runs: the first diagnoses of a process take several times as long as those that follow.
 * undefined where the past is too short, or was always the same.
 */
export function rehearsalOf(history: readonly Window[], objective: Objective): Rehearsal | undefined {
  const seen = history.filter((window) => readObjective(objective, window).observedMs !== undefined);
  if (seen.length < LEAST_WINDOWS) return undefined;
  const took = (window: Window) => readObjective(objective, window).observedMs as number;
  const usual: Objective = { ...objective, thresholdMs: median(seen.map(took)) };
  const at = seen.findLastIndex((window) => readObjective(usual, window).broken);
  const window = seen[at];
  if (window === undefined || at < LEAST_WINDOWS / 2) return undefined;
  return { window, history: seen.slice(0, at), objective: usual };
}
