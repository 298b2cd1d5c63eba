import { DDSketch } from '@datadog/sketches-js';
import { LATENCY_ACCURACY, type LatencyStats } from '@sage/core';

/** Finest time told apart: tracers stamp microseconds, and sums of them carry rounding below that. */
const RESOLUTION_MS = 0.001;

export type LatencySketch = DDSketch;

/** Mergeable (DDSketch, Masson, Rim and Lee 2019: quantiles within α of their value). */
export function newSketch(): LatencySketch {
  return new DDSketch({ relativeAccuracy: LATENCY_ACCURACY });
}

export function acceptMs(sketch: LatencySketch, valueMs: number): void {
  sketch.accept(Math.round(valueMs / RESOLUTION_MS) * RESOLUTION_MS);
}

export function isLatency(valueMs: number): boolean {
  return Number.isFinite(valueMs) && valueMs >= 0;
}

export function statsOf(sketch: LatencySketch): LatencyStats {
  return {
    p50Ms: sketch.getValueAtQuantile(0.5),
    p95Ms: sketch.getValueAtQuantile(0.95),
    p99Ms: sketch.getValueAtQuantile(0.99),
    meanMs: sketch.sum / sketch.count,
    count: sketch.count,
  };
}
