/**
 * How the quantiles (p50, p95, p99) of a call enter those of what waits for it, as a 3×3 matrix, row-major: row q of
 * the result times the call's quantiles is what is added to the waiter's quantile q. Linear, so that whole graphs chain
 * by matrix products, and monotone, so that ordered quantiles stay ordered.
 *
 * `calls` < 1: the call happens in that share of the requests only. The waiter's quantile q meets the call's quantile
 * τ = 1 − (1 − q)/calls, read off piecewise linearly through (0, p50/2), p50, p95, p99; nothing where τ ≤ 0.
 *
 * `calls` ≥ 1: repeats one after the other. Their sum has a centre that grows with the count and, as they vary
 * independently, a spread that grows with its root: calls · p50 + √calls · (Q_q − p50). More than 32 repeats count as
 * 32, since so many are never one after the other.
 */
export function passThrough(calls: number): readonly number[] {
  const rows: number[] = [];
  for (const q of [0.5, 0.95, 0.99]) {
    if (calls < 1) rows.push(...quantileMix(1 - (1 - q) / Math.max(calls, 1e-9)));
    else {
      const count = Math.min(calls, 32);
      const mix = quantileMix(q).map((part) => Math.sqrt(count) * part);
      rows.push((mix[0] as number) + count - Math.sqrt(count), mix[1] as number, mix[2] as number);
    }
  }
  return rows;
}

/** Weights of (p50, p95, p99) that make the quantile τ. */
function quantileMix(tau: number): [number, number, number] {
  if (tau <= 0) return [0, 0, 0];
  if (tau <= 0.5) return [0.5 + tau, 0, 0];
  if (tau <= 0.95) return [1 - (tau - 0.5) / 0.45, (tau - 0.5) / 0.45, 0];
  const part = Math.min(1, (tau - 0.95) / 0.04);
  return [0, 1 - part, part];
}
