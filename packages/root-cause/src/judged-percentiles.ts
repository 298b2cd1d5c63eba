import { PERCENTILES, type Percentile } from '@sage/core';

/** So many calls beyond a percentile, and it says something about the service and not about a few unlucky calls. */
const ENOUGH_BEYOND = 5;
/** With a single one it says nothing. */
const TOO_FEW_BEYOND = 1;
/** The share of calls that take longer than a percentile. */
export const SHARE_BEYOND: Readonly<Record<Percentile, number>> = { p50Ms: 0.5, p95Ms: 0.05, p99Ms: 0.01 };

/** How many of so many calls lie beyond a percentile. */
export function callsBeyond(count: number, percentile: Percentile): number {
  return count * SHARE_BEYOND[percentile];
}

/** Whether enough calls lie beyond a percentile to believe it. */
export function isSupported(count: number, percentile: Percentile): boolean {
  return callsBeyond(count, percentile) >= ENOUGH_BEYOND;
}

/** A percentile to judge by, and how far to believe it, 0..1. */
export interface Judged {
  readonly percentile: Percentile;
  readonly belief: number;
}

/**
 * The percentiles to judge a node by, of which so many calls each lie `beyond`: the objective's and those above it, since
 * the slow calls of a service may be the very ones of this objective, as far as enough calls of the window lie beyond: of
 * 120 calls the p99 is the second slowest, and two pauses to collect garbage are no fault of anybody. Where none is, the
 * highest below that is; a handful of calls says nothing.
 *
 * Those with fewer count in proportion between one call beyond and five, where the node waits for nobody (`isLeaf`): of
 * what waits for others, a rare slow call of a callee may be in such a percentile that the callee's misses.
 */
export function judgedPercentiles(
  beyond: (percentile: Percentile) => number,
  wanted: Percentile,
  isLeaf: boolean,
): readonly Judged[] {
  const supported = PERCENTILES.filter((percentile) => beyond(percentile) >= ENOUGH_BEYOND);
  const upper = PERCENTILES.slice(PERCENTILES.indexOf(wanted));
  const firm = supported.filter((percentile) => upper.includes(percentile));
  const believed = (firm.length > 0 ? firm : supported.slice(-1)).map((percentile) => ({
    percentile,
    belief: 1,
  }));
  if (!isLeaf || supported.length === 0) return believed;
  const soft = upper.flatMap((percentile) => {
    const belief = (beyond(percentile) - TOO_FEW_BEYOND) / (ENOUGH_BEYOND - TOO_FEW_BEYOND);
    return belief > 0 && belief < 1 ? [{ percentile, belief }] : [];
  });
  return [...believed, ...soft];
}
