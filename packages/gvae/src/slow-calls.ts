/** Share of calls beyond p50, p95 and p99. */
export const BEYOND: readonly number[] = [0.5, 0.05, 0.01];

/** A kind of call that a node waits for: how many each time that it runs, and how far their quantiles have risen. */
export interface RisenCalls {
  readonly calls: number;
  /** At p50, p95 and p99, ms; below 0 where they have fallen. */
  readonly rises: readonly number[];
}

/** What of the rise of one quantile of a kind of call is handed on. */
export interface SlowPart {
  /** Of the kind. */
  readonly index: number;
  /** 0, 1 or 2: p50, p95 or p99. */
  readonly quantile: number;
  /** 0..1. */
  readonly part: number;
}

/** What is to be explained. */
export interface Left {
  readonly leftMs: number;
  /** By how much calls have risen at the node's own percentile: accounted for already. */
  readonly metMs: number;
  /** Of a node's runs that took as much longer, at least. */
  readonly share: number;
}

/** Explains all but what is noise. */
const WHOLE = 0.9;

/**
 * Explains why runs of a node took longer than its calls account for at their own quantile: a run is slow when any of its
 * calls is, so that Σ P(call slow) ≥ P(run slow) limits by how much. Where the most that can have been slow covers all
 * that is left it was that, since nobody else is needed; of several kinds the fewest that are enough. Where it does not,
 * something else slows the node in any case, and calls explain what is to be expected of them.
 */
export function explainBySlowCalls(
  kinds: readonly RisenCalls[],
  { leftMs, metMs, share }: Left,
): readonly SlowPart[] {
  const most = largestRise(share, kinds);
  const isAll = most - metMs >= WHOLE * leftMs;
  const shareOf = isAll ? largestShare : expectedShare;
  const rise = Math.min(metMs + leftMs, isAll ? most : expectedRise(share, kinds));
  const moreMs = rise - metMs;
  if (moreMs <= 0) return [];
  const likeliest = kinds
    .map(({ calls, rises }, index) => ({
      index,
      rises,
      slow: calls * shareOf(rise, rises),
      likely: calls * expectedShare(rise, rises),
    }))
    .filter(({ slow }) => slow > 0)
    .sort((a, b) => b.likely - a.likely);
  let all = 0;
  const needed = likeliest.filter(({ slow }) => {
    if (isAll && all >= share) return false;
    all += slow;
    return true;
  });
  return needed.map(({ index, rises, slow }) => {
    const above = rises.findIndex((ms) => ms >= rise);
    const quantile = above < 0 ? rises.length - 1 : above;
    return { index, quantile, part: (Math.min(1, moreMs / (rises[quantile] as number)) * slow) / all };
  });
}

/** Share of calls, 0..1, that have risen by at least `ms` > 0, as far as is known: the most that can have… */
function largestShare(ms: number, rises: readonly number[]): number {
  const k = rises.findIndex((rise) => rise >= ms);
  return k < 0 ? 0 : shareAbove(k);
}

/**
 * …and the share to be expected. Between two known quantiles any latency may lie. Where they grow evenly the rise is
 * linear in the logarithm of the share beyond, as of exponential tails, and so it goes on beyond the last; where they jump
 * the share is anywhere between a and b, in the mean (a − b) / ln(a / b).
 */
function expectedShare(ms: number, rises: readonly number[]): number {
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

function isReached(
  ms: number,
  share: number,
  kinds: readonly RisenCalls[],
  shareOf: (ms: number, rises: readonly number[]) => number,
): boolean {
  return kinds.reduce((sum, { calls, rises }) => sum + calls * shareOf(ms, rises), 0) >= share;
}

/** The largest rise, ms, that so large a `share` of a node's runs can have met; 0 where there is none. */
function largestRise(share: number, kinds: readonly RisenCalls[]): number {
  const known = kinds.flatMap(({ rises }) => rises).sort((a, b) => b - a);
  return Math.max(0, known.find((ms) => isReached(ms, share, kinds, largestShare)) ?? 0);
}

/** As near as it is sought, of the largest rise. */
const BISECTIONS = 20;
/** Times the largest rise that is known: there is no telling of more. */
const FURTHEST = 4;

/** …and that it is to be expected to have met. */
function expectedRise(share: number, kinds: readonly RisenCalls[]): number {
  let [low, high] = [0, FURTHEST * Math.max(0, ...kinds.flatMap(({ rises }) => rises))];
  if (high <= 0) return 0;
  if (isReached(high, share, kinds, expectedShare)) return high;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (isReached(middle, share, kinds, expectedShare)) low = middle;
    else high = middle;
  }
  return low;
}

/** Standard errors of a count: what is between them is luck. */
const LUCK = 2;
/** Of so many runs beyond a percentile something is known. */
const LEAST_RUNS = 0.5;

/** The least share of a node's runs that its percentile `q` speaks of: of n runs n·p are beyond it, ±√(n·p·(1 − p)). */
export function leastShare(q: number, count: number): number {
  const share = BEYOND[q] as number;
  if (count <= 0) return share;
  return Math.max(share - LUCK * Math.sqrt((share * (1 - share)) / count), LEAST_RUNS / count);
}
