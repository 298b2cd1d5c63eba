import type { Culprit, Diagnosis, ObjectiveReading } from '@sage/core';
import { WINDOWS_TO_JUDGE } from './judge-outcome.js';

/** Clean windows after which one action is released. */
export const WINDOWS_TO_RELEASE = 10;
/** However often something had to come back, its release is tried again after so many times the clean windows. */
const MOST_PATIENCE = 8;

/** Windows in a row, up to the newest, that met the objective. One without a request neither counts nor interrupts. */
export function cleanWindows(readings: readonly ObjectiveReading[]): number {
  const seen = readings.filter(({ observedMs }) => observedMs !== undefined);
  return seen.length - 1 - seen.findLastIndex(({ broken }) => broken);
}

/**
 * True after ten clean windows, times `patience`, since the last thing that was done: then the newest action may be
 * undone, one at a time. If the objective breaks within as many windows, it may have to come back (see `comesBack`).
 */
export function releaseDue(clean: number, patience = 1): boolean {
  return clean >= WINDOWS_TO_RELEASE * patience;
}

/** What had to come back is needed: the next release waits twice as long, so that nothing flaps. */
export function morePatience(patience: number): number {
  return Math.min(MOST_PATIENCE, 2 * patience);
}

/**
 * Whether what was released comes back when the objective breaks soon after. `diagnosis` is of the time since, and undefined
 * where there is none. Culprits that are others, or the same service for want of something else, clear it: the violation has
 * a cause of its own then, and what comes back would take the time that they need. Without a culprit nothing does, and
 * what was changed last is the first suspect: but a release is an experiment like any action, and shows within as many
 * windows. `since`: readings of the windows that began after it, oldest first; where so many of them kept the objective at
 * first, it broke for another reason.
 */
export function comesBack(
  released: Pick<Culprit, 'service' | 'resource'>,
  diagnosis: Pick<Diagnosis, 'verdict' | 'culprits'> | undefined,
  since: readonly ObjectiveReading[],
): boolean {
  if (diagnosis?.verdict === 'culprits') {
    return diagnosis.culprits.some(
      ({ service, resource }) => service === released.service && resource === released.resource,
    );
  }
  const seen = since.filter(({ observedMs }) => observedMs !== undefined);
  return seen.slice(0, WINDOWS_TO_JUDGE).some(({ broken }) => broken) || seen.length < WINDOWS_TO_JUDGE;
}
