/**
 * Puts the `k`-th smallest number of [from, end) at its place in ascending order, none above it before and none below it
 * behind (Hoare 1961, Algorithm 65: FIND): quantiles need a few places and not the whole order.
 */
function select(values: Float64Array, k: number, from: number, end: number): number {
  let low = from;
  let high = end - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1] as number;
    let left = low;
    let right = high;
    while (left <= right) {
      while ((values[left] as number) < pivot) left++;
      while ((values[right] as number) > pivot) right--;
      if (left > right) break;
      const value = values[left] as number;
      values[left++] = values[right] as number;
      values[right--] = value;
    }
    if (k <= right) high = right;
    else if (k >= left) low = left;
    else break;
  }
  return values[k] as number;
}

function smallest(values: Float64Array, from: number, end: number): number {
  let least = values[from] as number;
  for (let i = from + 1; i < end; i++) if ((values[i] as number) < least) least = values[i] as number;
  return least;
}

/**
 * The quantile of all `values` (type 7, as of sorted ones) where it is known to lie in [from, end), no number before
 * which is larger and none behind smaller than those in it. Puts them in another order; none may be NaN.
 */
export function quantileInPlace(values: Float64Array, q: number, from = 0, end = values.length): number {
  if (values.length === 0) return Number.NaN;
  const position = q * (values.length - 1);
  const below = Math.floor(position);
  const low = select(values, below, from, end);
  const high = below + 1 < end ? smallest(values, below + 1, end) : low;
  return low + (position - below) * (high - low);
}
