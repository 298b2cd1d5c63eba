import type { CallGraph } from '@sage/causal-graph';
import type { LatencyStats, Objective, Window } from '@sage/core';
import { DataError } from '../observed.js';
import type { Minute, PodReading } from './nezha-minutes.js';

/** How the readings of a system become windows over its call graph. */
export interface Topology {
  readonly callGraph: CallGraph;
  /** What the front end's latency is that of. */
  readonly entry: Pick<Objective, 'service' | 'operation'>;
  windowOf(minute: Minute): Window;
}

/** Standard normal quantiles of 0.90 and 0.99. */
const Z90 = 1.2816;
const Z99 = 2.3263;
const SAME_MS = 0.001;

/** The service whose latency `front_service.csv` is: the one whose own p95 is the same in most minutes. */
export function entryService(minutes: readonly Minute[], folder: string): string {
  const agreeing = new Map<string, number>();
  const seen = minutes.filter(({ front }) => front !== undefined);
  for (const { front, pods } of seen) {
    for (const [service, { served }] of pods) {
      if (front === undefined || served === undefined) continue;
      if (Math.abs(served.p95Ms - front.p95Ms) <= SAME_MS) {
        agreeing.set(service, (agreeing.get(service) ?? 0) + 1);
      }
    }
  }
  const [best] = [...agreeing].sort((a, b) => b[1] - a[1]);
  if (best === undefined || 2 * best[1] <= seen.length) {
    throw new DataError(
      `${folder}/metric/front_service.csv: LatencyP95(s) is no pod's PodServerLatencyP95(s), so that it is unknown whose it is`,
    );
  }
  return best[0];
}

/** The entry's statistics: the only ones with a median that was measured end to end. */
export function frontStats({ front }: Minute, entry: PodReading | undefined): LatencyStats | undefined {
  if (front === undefined || entry === undefined) return undefined;
  return { p50Ms: front.p50Ms, p95Ms: front.p95Ms, p99Ms: front.p99Ms, count: entry.count };
}

/**
 * Statistics of what a pod served, whose median is not measured: that of the log-normal distribution through p90 and p99.
 * Where Online Boutique has both it is right within a factor of two in most minutes; one slow call among few makes it too
 * small.
 */
export function servedStats({ served, count }: PodReading): LatencyStats | undefined {
  if (served === undefined) return undefined;
  const { p90Ms, p95Ms, p99Ms } = served;
  const p50Ms = p90Ms * (p90Ms / p99Ms) ** (Z90 / (Z99 - Z90));
  return { p50Ms, p95Ms, p99Ms, count };
}

/** The readings of all pods. */
export function metricsOf({ pods }: Minute): Window['metrics'] {
  return new Map([...pods].map(([service, { metrics }]) => [service, metrics]));
}
