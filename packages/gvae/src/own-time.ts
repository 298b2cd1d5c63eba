/** A node's own time is never taken for more than e^12 times its usual one, nor for less than e^−4 times of it. */
const MOST = 12;
const LEAST = -4;

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

/** Raw numbers, upwards of what is usual, at which half is left of what hidden layers say: an order of magnitude. */
export const KNOWN_REACH = Math.log(10);

/**
 * How much of what hidden layers say of an own percentile counts, 1..0, beside the raw number that goes past them: 1 / (1 +
 * (raw / reach)⁴), all of it up to what is usual. They learn what corrects usual own times; for how much longer ones it
 * holds nothing tells, and so much of a disturbance that was never seen would be taken away, or added.
 */
export function heard(raw: number): number {
  if (raw <= 0) return 1;
  const square = (raw / KNOWN_REACH) ** 2;
  return 1 / (1 + square * square);
}

/** The raw number that makes a size; the inverse of `positive` where that is possible. */
export function rawOf(size: number): number {
  return Math.min(MOST, Math.log(Math.max(Math.exp(LEAST), size)));
}
