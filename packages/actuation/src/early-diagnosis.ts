import type { Diagnosis } from '@sage/core';
import { isSureEnough } from './plan-actions.js';

export interface Meanwhile {
  /** For whom something was done that waits to be judged. */
  readonly helped: ReadonlySet<string>;
  /** Called by those. */
  readonly flooded: ReadonlySet<string>;
  readonly minProbability: number;
}

/**
 * Whether a diagnosis names somebody surely enough who need not wait until what was done a moment ago for others is judged.
 * What was queued up at the helped drains and floods those that they call: where one of these is named, latency may speak of
 * the recovery. Whoever else is named is no sign of it.
 */
export function isSureMeanwhile(
  { verdict, culprits }: Diagnosis,
  { helped, flooded, minProbability }: Meanwhile,
): boolean {
  if (verdict !== 'culprits') return false;
  const others = culprits.filter(({ service }) => !helped.has(service));
  return (
    others.every(({ service }) => !flooded.has(service)) &&
    others.some((culprit) => isSureEnough(culprit, minProbability))
  );
}
