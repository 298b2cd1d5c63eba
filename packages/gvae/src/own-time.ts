/**
 * What a node adds to what its parents hand on, from the sum of its owners' heads. (x + √(x² + 4)) / 2 makes any number
 * positive, is 1 at 0, x far above and 1/|x| far below it: like a softplus, without its exponential.
 */
export function positive(raw: number): number {
  return 0.5 * (raw + Math.sqrt(raw * raw + 4));
}

export function positiveSlope(raw: number): number {
  return 0.5 * (1 + raw / Math.sqrt(raw * raw + 4));
}
