/** Share of calls beyond p50, p95 and p99. */
export const BEYOND: readonly number[] = [0.5, 0.05, 0.01];

/** Calls that a node waits for: how many of a kind for each time that it runs, and how far their quantiles have risen. */
export interface RisenCalls {
  readonly calls: number;
  /** At p50, p95 and p99, ms; below 0 where they have fallen. */
  readonly rises: readonly number[];
}

/**
 * Share of calls, 0..1, that have risen by at least `ms` > 0, as far as is known: the most that can have…
 */
export function largestShare(ms: number, rises: readonly number[]): number {
  const k = rises.findIndex((rise) => rise >= ms);
  return k < 0 ? 0 : shareAbove(k);
}

/**
 * …and the share to be expected. Between two known quantiles any latency may lie. Where they grow evenly the rise is
 * linear in the logarithm of the share beyond, as of exponential tails, and so it goes on beyond the last; where they jump
 * the share is anywhere between a and b, in the mean (a − b) / ln(a / b).
 */
export function expectedShare(ms: number, rises: readonly number[]): number {
  const k = rises.findIndex((rise) => rise >= ms);
  if (k >= 0) {
    const [most, least] = [shareAbove(k), BEYOND[k] as number];
    const [rise, before] = [rises[k] as number, k === 0 ? 0 : (rises[k - 1] as number)];
    const ratio = most / least;
    return Math.max((most - least) / Math.log(ratio), least * ratio ** ((rise - ms) / (rise - before)));
  }
  const [last = 0, before = 0] = [...rises].reverse();
  if (last <= 0 || last <= before) return 0;
  const [least = 0, less = 0] = [...BEYOND].reverse();
  return least * (less / least) ** ((last - ms) / (last - before));
}

/** Share of calls beyond the known quantile below `k`. */
function shareAbove(k: number): number {
  return k === 0 ? 1 : (BEYOND[k - 1] as number);
}

/** As near as it is sought, of the largest rise. */
const BISECTIONS = 20;
/** Times the largest rise that is known: there is no telling of more. */
const FURTHEST = 4;

/**
 * The largest rise, ms, of at least so large a `share` of a node's runs: each is slow when any of its calls is, and
 * P(∪ slow) ≤ Σ P(slow). 0 where there is none.
 */
export function riseOf(
  share: number,
  parts: readonly RisenCalls[],
  shareOf: (ms: number, rises: readonly number[]) => number,
): number {
  const isReached = (ms: number): boolean => {
    let sum = 0;
    for (const { calls, rises } of parts) sum += calls * shareOf(ms, rises);
    return sum >= share;
  };
  let [low, high] = [0, FURTHEST * Math.max(0, ...parts.flatMap(({ rises }) => rises))];
  if (high <= 0) return 0;
  if (isReached(high)) return high;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (isReached(middle)) low = middle;
    else high = middle;
  }
  return low;
}
