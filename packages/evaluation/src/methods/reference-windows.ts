import { readObjective, type Window } from '@sage/core';
import type { Evidence } from '../observed.js';

/** What is normal: the windows before the one in question that kept the objective. */
export function normalWindows({ history, window, objective }: Evidence): readonly Window[] {
  return history.filter((past) => past.endMs <= window.startMs && !readObjective(objective, past).broken);
}

/** So many windows, the first of the history, are what a graph is learnt from offline: two hours of half a minute. */
const LEARNT_WINDOWS = 240;

export function learntWindows({ history }: Evidence): readonly Window[] {
  return history.slice(0, LEARNT_WINDOWS);
}
