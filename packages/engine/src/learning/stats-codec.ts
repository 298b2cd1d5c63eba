import type { LatencyStats } from '@sage/core';

/** [p50, p95, p99, count, mean], or without the mean where there is none; microseconds suffice. */
export function encodeStats({ p50Ms, p95Ms, p99Ms, count, meanMs }: LatencyStats): readonly number[] {
  const quantiles = [p50Ms, p95Ms, p99Ms].map(toMicroseconds);
  return [...quantiles, count, ...(meanMs === undefined ? [] : [toMicroseconds(meanMs)])];
}

/** undefined where it is not what `encodeStats` gives. */
export function decodeStats(value: unknown): LatencyStats | undefined {
  if (!Array.isArray(value) || value.length < 4 || value.length > 5 || !value.every(Number.isFinite)) {
    return undefined;
  }
  const [p50Ms, p95Ms, p99Ms, count, meanMs] = value as [number, number, number, number, number?];
  return { p50Ms, p95Ms, p99Ms, count, ...(meanMs === undefined ? {} : { meanMs }) };
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
