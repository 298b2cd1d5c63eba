import { quantileOfSorted } from '@sage/core';

export interface EndpointReport {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** One second of the workload as its client saw it. */
export interface LoadReport {
  readonly kind: 'report';
  readonly timestampMs: number;
  readonly arrivals: number;
  readonly completed: number;
  /** Answers other than 200, and no answers. */
  readonly errors: number;
  /** Arrivals not sent because too many were outstanding. */
  readonly dropped: number;
  readonly outstanding: number;
  readonly endpoints: Readonly<Record<string, EndpointReport>>;
  /** Latencies of this second by endpoint, in ms, for whoever wants longer windows. */
  readonly latenciesMs: Readonly<Record<string, readonly number[]>>;
}

/** Collects what happens until the next report is taken. */
export class LoadRecorder {
  #counts = { arrivals: 0, completed: 0, errors: 0, dropped: 0 };
  #latencies = new Map<string, number[]>();

  arrived(): void {
    this.#counts.arrivals += 1;
  }

  dropped(): void {
    this.#counts.dropped += 1;
  }

  completed(endpoint: string, latencyMs: number, failed: boolean): void {
    this.#counts.completed += 1;
    if (failed) this.#counts.errors += 1;
    const latencies = this.#latencies.get(endpoint);
    if (latencies === undefined) this.#latencies.set(endpoint, [latencyMs]);
    else latencies.push(latencyMs);
  }

  take(timestampMs: number, outstanding: number): LoadReport {
    const endpoints: Record<string, EndpointReport> = {};
    const latenciesMs: Record<string, readonly number[]> = {};
    for (const [name, latencies] of this.#latencies) {
      latenciesMs[name] = latencies.map((ms) => Math.round(ms * 100) / 100);
      const sorted = Float64Array.from(latencies).sort();
      endpoints[name] = {
        count: sorted.length,
        p50Ms: quantileOfSorted(sorted, 0.5),
        p95Ms: quantileOfSorted(sorted, 0.95),
        p99Ms: quantileOfSorted(sorted, 0.99),
      };
    }
    const report = {
      kind: 'report' as const,
      timestampMs,
      ...this.#counts,
      outstanding,
      endpoints,
      latenciesMs,
    };
    this.#counts = { arrivals: 0, completed: 0, errors: 0, dropped: 0 };
    this.#latencies = new Map();
    return report;
  }
}
