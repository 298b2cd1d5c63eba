import { type LatencyStats, PERCENTILES, type Percentile } from '@sage/core';
import { SHARE_BEYOND } from './judged-percentiles.js';

/** Jeffreys' prior of the rate of a Poisson process is a gamma distribution of this shape. */
const PRIOR_EVENTS = 0.5;

/**
 * How likely what made requests slower than `thresholdMs` in a window comes to pass in the next one as well, 0..1.
 *
 * Whatever stops for L ms is met by requests that then wait between L and 0 ms, so the tail tells how often that was: over
 * latencies from p to q the share of slow requests falls by (q − p) / window for each stop. Of k stops, all of them in the
 * part 1 − s of the window in which requests were fast, none comes in the next window with probability
 * ((1 − s) / (2 − s))^(k + ½), that of a Poisson process whose rate is known from them alone. A stop as long as the window
 * has not been seen to end: that one was lies wholly inside is as likely as what is left of the window is long.
 *
 * A single pause to collect garbage is one stop; packets that are lost, a lock or a busy processor are very many.
 */
export function lastingProbability(
  latency: LatencyStats,
  {
    percentile,
    thresholdMs,
    windowMs,
  }: { readonly percentile: Percentile; readonly thresholdMs: number; readonly windowMs: number },
): number {
  const slow = shareSlower(latency, thresholdMs);
  const noMore = ((1 - slow) / (2 - slow)) ** (stopsIn(latency, percentile, windowMs) + PRIOR_EVENTS);
  const hasEnded = Math.max(0, 1 - latency.p99Ms / windowMs);
  return 1 - hasEnded * noMore;
}

/** By the slope of the tail from the objective's percentile on, or of the last piece of it that is known; at least one. */
function stopsIn(latency: LatencyStats, percentile: Percentile, windowMs: number): number {
  const last = PERCENTILES.length - 2;
  const from = PERCENTILES[Math.min(PERCENTILES.indexOf(percentile), last)] as Percentile;
  const to = PERCENTILES[PERCENTILES.indexOf(from) + 1] as Percentile;
  const apartMs = latency[to] - latency[from];
  return Math.max(1, ((SHARE_BEYOND[from] - SHARE_BEYOND[to]) * windowMs) / apartMs);
}

/** The share of requests that took longer, tails taken to be exponential between quantiles; at least what is beyond p99. */
function shareSlower(latency: LatencyStats, ms: number): number {
  let [fromMs, from] = [0, 1];
  for (const percentile of PERCENTILES) {
    const [toMs, to] = [latency[percentile], SHARE_BEYOND[percentile]];
    if (ms <= toMs) return toMs > fromMs ? from * (to / from) ** ((ms - fromMs) / (toMs - fromMs)) : to;
    [fromMs, from] = [toMs, to];
  }
  return from;
}
