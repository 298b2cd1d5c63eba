/** Quantile of unsorted numbers by linear interpolation (Hyndman and Fan 1996, type 7). NaN when empty. */
export function quantile(values: ArrayLike<number>, q: number): number {
  return quantileOfSorted(new Float64Array(values).sort(), q);
}

/** As `quantile`, for numbers already in ascending order. */
export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (position - below) * (high - low);
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** Centre and spread that outliers do not move: the median and 0.7413 × IQR (the normal's σ). */
export interface RobustScale {
  readonly center: number;
  readonly spread: number;
}

/** `floor` is the least spread to believe in: what the measurement itself resolves. */
export function robustScale(values: ArrayLike<number>, floor: number): RobustScale {
  const sorted = new Float64Array(values).sort();
  const spread = 0.7413 * (quantileOfSorted(sorted, 0.75) - quantileOfSorted(sorted, 0.25));
  return { center: quantileOfSorted(sorted, 0.5), spread: Math.max(spread, floor) };
}
