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

/** The raw number that makes a size; the inverse of `positive` where that is possible. */
export function rawOf(size: number): number {
  return Math.min(MOST, Math.log(Math.max(Math.exp(LEAST), size)));
}
