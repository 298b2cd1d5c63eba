/** A node's own time is never taken for more than e^12 times its usual one. */
const MOST = 12;
/** e^−4 of its usual time, a fiftieth, is none. */
export const LEAST = -4;
/** Part of what was handed on by which quantiles that are added up, and read off sketches, may be too large. */
const INACCURACY = 0.05;

/** Raw numbers, above what is usual, at which half is left of what hidden layers say: an order of magnitude. */
export const KNOWN_REACH = Math.log(10);

/** Raw numbers below this tell what part of what was handed on a node met; nothing makes one of the other by mistake. */
export const UNMET = LEAST - 2 * KNOWN_REACH;
/** It is never taken for less than e^−8. */
const LEAST_MET = UNMET - 8;

/**
 * What a node adds to what its parents hand on, in its usual sizes, from the sum of its owners' heads: e^raw. What slows
 * a service does so in proportion, two of them by the product, and to the networks a hundred times as long is as near as
 * the logarithm says.
 */
export function positive(raw: number): number {
  return Math.exp(Math.min(MOST, raw));
}

export function positiveSlope(raw: number): number {
  return raw > MOST ? 0 : Math.exp(raw);
}

/**
 * The part of what its parents hand on that a node met, from the same sum: 1 unless it is far below any own time. A caller
 * may take less than what calls foretell: it gave up on them, others made the call in its stead, as whoever comes last does
 * for all, or what is rare in one call and in another does not come together.
 */
export function met(raw: number): number {
  return raw >= UNMET ? 1 : Math.exp(Math.max(LEAST_MET, raw) - UNMET);
}

export function metSlope(raw: number): number {
  return raw >= UNMET || raw < LEAST_MET ? 0 : Math.exp(raw - UNMET);
}

/**
 * How much of what hidden layers say of an own percentile counts, 1..0, beside the raw number that goes past them: 1 / (1 +
 * (raw / reach)⁴) above what is usual, all of it from there down to no time, and nothing where not all was met. They learn
 * what corrects usual own times; for how much longer ones it holds nothing tells, and so much of a disturbance that was
 * never seen would be taken away, or added.
 */
export function heard(raw: number): number {
  if (raw <= 0) return Math.min(1, Math.max(0, (raw - UNMET) / (LEAST - UNMET)));
  const square = (raw / KNOWN_REACH) ** 2;
  return 1 / (1 + square * square);
}

export interface Known {
  readonly handedMs: number;
  /** Whether what was handed on is a guess: then weights are to learn how much of it is waited for. */
  readonly isGuess?: boolean;
  readonly usualMs: number;
}

/** The raw number by which positive(raw) · usual + met(raw) · handed is what a node took, as nearly as they tell. */
export function rawOf(tookMs: number, { handedMs, isGuess = false, usualMs }: Known): number {
  const size = (tookMs - handedMs) / usualMs;
  if (size >= Math.exp(LEAST)) return Math.min(MOST, Math.log(size));
  const part = tookMs / handedMs;
  if (isGuess || !(handedMs > 0) || part >= 1 - INACCURACY) return LEAST;
  return Math.max(LEAST_MET, UNMET + Math.log(Math.max(0, part)));
}
