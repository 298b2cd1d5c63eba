import { PERCENTILES } from '@sage/core';
import { callsBeyond } from './judged-percentiles.js';

/**
 * Least time-out of TCP before it sends again (Linux; RFC 6298 says a second), less what clocks and quantiles are off.
 */
const RETRANSMISSION_MS = 180;
/** Of packets some are lost, not most: the median stays about what it was, beside what it takes to send one again. */
const MOST_MEDIAN_MS = 0.1 * RETRANSMISSION_MS;

/**
 * Whether a tail is one of retransmissions: probes seldom meet the loss, and what is busy is slow at the median, too.
 * `excessMs`: of p50, p95 and p99; a single call beyond a percentile shows it.
 */
export function looksLost(excessMs: readonly number[], count: number): boolean {
  const [medianMs = 0] = excessMs;
  if (medianMs > MOST_MEDIAN_MS) return false;
  return PERCENTILES.some(
    (percentile, q) => (excessMs[q] ?? 0) >= RETRANSMISSION_MS && callsBeyond(count, percentile) >= 1,
  );
}

/** TCP waits so long before it sends again, and each time twice as long; what comes of it is told to a tenth. */
const TIME_OUTS_MS: readonly number[] = [200, 600, 1400];
const TOLERANCE = 0.1;

/** Whether something takes longer by just what one to three retransmissions take. */
export function isTimeOut(excessMs: number): boolean {
  return TIME_OUTS_MS.some((ms) => Math.abs(excessMs - ms) <= TOLERANCE * ms);
}
