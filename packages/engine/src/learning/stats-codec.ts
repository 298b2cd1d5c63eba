import type { LatencyStats } from '@sage/core';

/** [p50, p95, p99, count]; microseconds suffice. */
export function encodeStats({ p50Ms, p95Ms, p99Ms, count }: LatencyStats): readonly number[] {
  return [...[p50Ms, p95Ms, p99Ms].map((ms) => Math.round(ms * 1000) / 1000), count];
}

/** undefined where it is not what `encodeStats` gives. */
export function decodeStats(value: unknown): LatencyStats | undefined {
  if (!Array.isArray(value) || value.length !== 4 || !value.every(Number.isFinite)) return undefined;
  const [p50Ms, p95Ms, p99Ms, count] = value as [number, number, number, number];
  return { p50Ms, p95Ms, p99Ms, count };
}
