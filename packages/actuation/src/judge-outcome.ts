import type { ObjectiveReading } from '@sage/core';

/** What to do with an action: leave it, try the next rung as well, take it back, or look again later. */
export type Judgement = 'keep' | 'climb' | 'undo' | 'wait';

/** Windows after which an action is judged: recovery takes at most two sampling intervals (reference, section 4). */
export const WINDOWS_TO_JUDGE = 2;
/** Latency above this multiple of what it was before the action: it did harm. */
const HARMFUL = 1.2;

/**
 * Judges an action by the objective. `before`: the reading before it. `after`: readings of windows that began after the
 * action, oldest first; those without a request say nothing. `wait` until two do.
 */
export function judgeOutcome(before: ObjectiveReading, after: readonly ObjectiveReading[]): Judgement {
  const seen = after.flatMap(({ observedMs, broken }) =>
    observedMs === undefined ? [] : [{ observedMs, broken }],
  );
  const latest = seen.at(-1);
  if (latest === undefined || seen.length < WINDOWS_TO_JUDGE) return 'wait';
  if (!latest.broken) return 'keep';
  const recent = seen.slice(-WINDOWS_TO_JUDGE);
  const best = Math.min(...recent.map(({ observedMs }) => observedMs));
  if (before.observedMs !== undefined && best > HARMFUL * before.observedMs) return 'undo';
  return 'climb';
}

/**
 * How far off the model was about an action: |observed − expected| / expected, of the objective's latency two windows
 * after it. undefined where nothing was expected.
 */
export function predictionError(expectedMs: number | undefined, observedMs: number): number | undefined {
  if (expectedMs === undefined || !(expectedMs > 0)) return undefined;
  return Math.abs(observedMs - expectedMs) / expectedMs;
}
