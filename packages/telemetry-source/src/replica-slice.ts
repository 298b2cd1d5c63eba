import type { FeatureName, LatencyStats, ReplicaReading } from '@sage/core';
import { acceptMs, type LatencySketch, newSketch, statsOf } from './latency-sketch.js';

export interface ReplicaLimits {
  /** Replicas of one service told apart. */
  readonly maxReplicas: number;
  /** Replicas of all services together. */
  readonly maxSketches: number;
}

/** What the replicas of each service served in one slice: service → replica → sketch of its server times. */
export class ReplicaSlice {
  readonly services = new Map<string, Map<string, LatencySketch>>();
  #sketches = 0;

  /** Whether there was room for it. */
  add(service: string, instance: string, serverMs: number, limits: ReplicaLimits): boolean {
    let replicas = this.services.get(service);
    let sketch = replicas?.get(instance);
    if (sketch === undefined) {
      if (this.#sketches >= limits.maxSketches || (replicas?.size ?? 0) >= limits.maxReplicas) return false;
      if (replicas === undefined) {
        replicas = new Map();
        this.services.set(service, replicas);
      }
      sketch = newSketch();
      replicas.set(instance, sketch);
      this.#sketches += 1;
    }
    acceptMs(sketch, serverMs);
    return true;
  }
}

/** Metrics as `joinMetricSlices` gives them. */
type ReplicaMetrics = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<FeatureName, number>>>;

const NO_METRICS: ReadonlyMap<FeatureName, number> = new Map();

/**
 * The replicas of a window, of services that have several: sketches of slices merged, beside the metrics. Traces and
 * metrics may call the same replica by different names, so a latency is kept only where traces alone tell two replicas
 * apart. undefined where no service has several.
 */
export function joinReplicas(
  slices: readonly ReplicaSlice[],
  metrics: ReplicaMetrics,
): ReadonlyMap<string, ReadonlyMap<string, ReplicaReading>> | undefined {
  const joined = new Map<string, Map<string, ReplicaReading>>();
  for (const service of new Set(slices.flatMap((slice) => [...slice.services.keys()]))) {
    const latencies = mergeService(slices, service);
    if (latencies === undefined) continue;
    const own = metrics.get(service);
    joined.set(
      service,
      new Map(
        [...latencies].map(([name, latency]) => [name, { latency, metrics: own?.get(name) ?? NO_METRICS }]),
      ),
    );
  }
  for (const [service, replicas] of metrics) {
    const known = joined.get(service) ?? new Map<string, ReplicaReading>();
    joined.set(service, known);
    for (const [name, own] of replicas) {
      if (!known.has(name)) known.set(name, { latency: undefined, metrics: own });
    }
  }
  return joined.size === 0 ? undefined : joined;
}

/** undefined where fewer than two replicas served. */
function mergeService(
  slices: readonly ReplicaSlice[],
  service: string,
): ReadonlyMap<string, LatencyStats> | undefined {
  const parts = new Map<string, LatencySketch[]>();
  for (const slice of slices) {
    for (const [name, sketch] of slice.services.get(service) ?? []) {
      const known = parts.get(name);
      if (known === undefined) parts.set(name, [sketch]);
      else known.push(sketch);
    }
  }
  if (parts.size < 2) return undefined;
  return new Map(
    [...parts].map(([name, sketches]) => {
      const merged = newSketch();
      for (const sketch of sketches) merged.merge(sketch);
      return [name, statsOf(merged)];
    }),
  );
}
