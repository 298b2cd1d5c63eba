import { quantileInPlace } from './order-statistics.js';

/** Quantile of unsorted numbers by linear interpolation (Hyndman and Fan 1996, type 7). NaN when empty. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const copy = new Float64Array(values);
  return hasGaps(copy) ? quantileOfSorted(copy.sort(), q) : quantileInPlace(copy, q);
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
  return robustScaleInPlace(new Float64Array(values), floor);
}

/** As `robustScale`; leaves `values` in another order. */
export function robustScaleInPlace(values: Float64Array, floor: number): RobustScale {
  return hasGaps(values) ? robustScaleOfSorted(values.sort(), floor) : selectedScale(values, floor);
}

/** Of numbers without gaps: leaves the quartiles, the least and the largest quarter in their places. */
function selectedScale(values: Float64Array, floor: number): RobustScale {
  const center = quantileInPlace(values, 0.5);
  // What is below the median lies before it, and what is above behind.
  const middle = values.length >> 1;
  const iqr = quantileInPlace(values, 0.75, middle) - quantileInPlace(values, 0.25, 0, middle + 1);
  return { center, spread: Math.max(0.7413 * iqr, floor) };
}

/** As `robustScale`, for numbers already in ascending order. */
export function robustScaleOfSorted(sorted: ArrayLike<number>, floor: number): RobustScale {
  const iqr = quantileOfSorted(sorted, 0.75) - quantileOfSorted(sorted, 0.25);
  return { center: quantileOfSorted(sorted, 0.5), spread: Math.max(0.7413 * iqr, floor) };
}

/** What is seen in one of twenty ordinary windows: where the upper tail is read. */
export const TAIL_PROBABILITY = 0.95;
/** That quantile of the standard normal. */
const TAIL_Z = 1.645;

/**
 * How far above its centre what is ordinary lies, as a normal's σ: by its quartiles, and by its 95th percentile where that
 * lies further out. Waits come in bursts: most of the time there are none, and now and then many, with nothing being wrong.
 */
export function upperSpread({ center, spread }: RobustScale, tail: number): number {
  return Math.max(spread, (tail - center) / TAIL_Z);
}

/** As `robustScale`, with the spread above the centre; leaves `values` in another order. */
export function upperScaleInPlace(values: Float64Array, floor: number): RobustScale {
  if (hasGaps(values)) {
    const scale = robustScaleOfSorted(values.sort(), floor);
    return upwards(scale, quantileOfSorted(values, TAIL_PROBABILITY));
  }
  const scale = selectedScale(values, floor);
  // What is above the third quartile lies behind it.
  const third = Math.floor(0.75 * Math.max(0, values.length - 1));
  return upwards(scale, quantileInPlace(values, TAIL_PROBABILITY, third));
}

function upwards(scale: RobustScale, tail: number): RobustScale {
  return { center: scale.center, spread: upperSpread(scale, tail) };
}

/** Numbers that are none have their place last, which selection by comparison does not give them. */
function hasGaps(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return true;
  return false;
}
