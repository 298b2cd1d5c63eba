import type { Window } from '@sage/core';
import type { WindowHistory } from '../learning/history.js';

/** Windows that began since a time and do not overlap, oldest first. */
export function wholeWindows(history: Pick<WindowHistory, 'since'>, sinceMs: number): readonly Window[] {
  let endMs = sinceMs;
  return history.since(sinceMs).filter((window) => {
    if (window.startMs < endMs) return false;
    endMs = window.endMs;
    return true;
  });
}
