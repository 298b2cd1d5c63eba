import type { CaseResult } from '../scoring.js';
import { bootstrapInterval } from './bootstrap.js';
import { isAccurate, mean, type Share } from './shares.js';

/** How a method fares in the same incidents when less is known of them. */
export interface Paired {
  /** Incidents of both. */
  readonly pairs: number;
  /** Incidents of which it is not even seen that they are. */
  readonly unseen: number;
  /** Accuracy in the pairs: less known minus more known, with the 95 % interval by resampling pairs. */
  readonly difference: Share;
}

/**
 * Compares the answers to the same faults, by the names of the cases. A difference within pairs owes nothing to which faults
 * there were, so that it is known more closely than either accuracy. Undefined without a pair.
 */
export function pairedOf(
  more: readonly CaseResult[],
  less: readonly CaseResult[],
  seed: number,
): Paired | undefined {
  const known = new Map(incidentsOf(less).map((item) => [item.id, item]));
  const incidents = incidentsOf(more);
  const changes = incidents.flatMap((item) => {
    const other = known.get(item.id);
    return other === undefined ? [] : [Number(isAccurate(other)) - Number(isAccurate(item))];
  });
  if (changes.length === 0) return undefined;
  return {
    pairs: changes.length,
    unseen: incidents.length - changes.length,
    difference: { value: mean(changes), interval: bootstrapInterval(changes, mean, seed) },
  };
}

function incidentsOf(cases: readonly CaseResult[]): readonly CaseResult[] {
  return cases.filter(({ truth }) => truth.length > 0);
}
