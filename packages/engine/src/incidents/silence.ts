import { cleanWindows, WINDOWS_TO_RELEASE } from '@sage/actuation';
import type { ObjectiveReading } from '@sage/core';

/** Alertmanager's news can get lost, and nobody would end the incident. */
const SILENCE_SECONDS = 3600;

/**
 * Whether the objective has been seen to hold for so long, since Alertmanager last reported it broken, that its
 * `resolved` must have been lost: an hour of windows and no fewer than ten. `readings`: of windows since then that do
 * not overlap, oldest first.
 */
export function heldInSilence(readings: readonly ObjectiveReading[], windowSeconds: number): boolean {
  return cleanWindows(readings) >= Math.max(WINDOWS_TO_RELEASE, Math.ceil(SILENCE_SECONDS / windowSeconds));
}
