import { readObjective, type Window } from '@sage/core';
import type { Evidence } from '../observed.js';

/** What is normal: the windows before the one in question that kept the objective. */
export function normalWindows({ history, window, objective }: Evidence): readonly Window[] {
  return history.filter((past) => past.endMs <= window.startMs && !readObjective(objective, past).broken);
}

/** A graph is learnt offline, and again whenever the history has grown by so many windows. */
const RELEARNT_WINDOWS = 240;

export function learntWindows({ history }: Evidence): readonly Window[] {
  const rounds = Math.floor(history.length / RELEARNT_WINDOWS);
  return rounds === 0 ? history : history.slice(0, rounds * RELEARNT_WINDOWS);
}
