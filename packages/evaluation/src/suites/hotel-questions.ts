import { ObjectiveWatcher } from '@sage/collector-extension';
import { type Objective, readObjective, type Window } from '@sage/core';
import type { Period } from './hotel-files.js';

/** A window as the engine remembers it. */
export interface Remembered {
  readonly window: Window;
  /** An incident was open when it came. */
  readonly inIncident: boolean;
  /** It opened one. */
  readonly opens: boolean;
}

/** Goes through windows, oldest first, as the engine does: which of them belong to incidents, which begin one. */
export function remember(windows: readonly Window[], objective: Objective): readonly Remembered[] {
  const watcher = new ObjectiveWatcher();
  return windows.map((window) => {
    const inIncident = watcher.isBroken(objective);
    const opens = watcher.observe(window, [objective]).some(({ kind }) => kind === 'broken');
    return { window, inIncident, opens };
  });
}

/** What the engine would have been asked in a time, had it begun with it. */
export interface Question {
  readonly window: Window;
  /** The objective was broken for long enough to open an incident. */
  readonly incident: boolean;
  /** Windows that broke the objective and do not overlap. */
  readonly broken: number;
  readonly windows: number;
}

/**
 * The window to ask about, of those wholly inside: where an incident opens the one that opens it, as the engine does
 * with windows of two slides; where none does, the latest that keeps the objective, of which nothing is to be said.
 */
export function questionIn(
  period: Period,
  windows: readonly Window[],
  objective: Objective,
): Question | undefined {
  const inside = windows.filter(({ startMs, endMs }) => startMs >= period.startMs && endMs <= period.endMs);
  const isBroken = (window: Window) => readObjective(objective, window).broken;
  const opening = remember(inside, objective).find(({ opens }) => opens)?.window;
  const window = opening ?? inside.findLast((item) => !isBroken(item)) ?? inside.at(-1);
  if (window === undefined) return undefined;
  const broken = apart(inside.filter(isBroken)).length;
  return { window, incident: opening !== undefined, broken, windows: apart(inside).length };
}

/** As many windows as do not overlap, from the first on. */
function apart(windows: readonly Window[]): readonly Window[] {
  let endMs = Number.NEGATIVE_INFINITY;
  return windows.filter((window) => {
    if (window.startMs < endMs) return false;
    endMs = window.endMs;
    return true;
  });
}

/** What is known of the past when a window is asked about: what came before it, outside incidents. */
export function pastOf(window: Window, remembered: readonly Remembered[]): readonly Window[] {
  return remembered
    .filter(({ inIncident, window: { endMs } }) => !inIncident && endMs < window.endMs)
    .map((item) => item.window);
}

/** Windows of a quiet time to ask about: those that opened an incident, and now and then one that keeps the objective. */
export function quietQuestions(
  remembered: readonly Remembered[],
  objective: Objective,
  { sinceMs, everyMs }: { readonly sinceMs: number; readonly everyMs: number },
): readonly Window[] {
  let dueMs = sinceMs;
  return remembered.flatMap(({ window, opens }) => {
    if (window.startMs < sinceMs) return [];
    if (opens) return [window];
    if (window.startMs < dueMs || readObjective(objective, window).broken) return [];
    dueMs = window.startMs + everyMs;
    return [window];
  });
}
