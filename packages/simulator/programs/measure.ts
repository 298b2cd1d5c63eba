import { quantile, type Span } from '@sage/core';
import { createExporterFeatures } from '@sage/telemetry-source';
import { type Fault, type FaultKind, loadTopology, type SimulationOptions, simulate } from '../src/index.js';

/** What the calibration asks of a run of the chain or of another topology. */
export interface Measured {
  /** Latencies of requests at the entry, in milliseconds. */
  readonly roots: readonly number[];
  /** From the start of a client span to that of its server span, of the watched service. */
  readonly hops: readonly number[];
  /** Means over the run of the watched service's readings. */
  readonly busy: number;
  readonly cpuCores: number;
  readonly pingMs: number;
}

/** Faults begin after so long. */
const WARM_UP_MS = 20_000;

/** Runs a topology and looks at one operation at the entry and one service. */
export function measure(
  name: string,
  options: SimulationOptions,
  watched: { readonly service: string; readonly operation: string },
): Measured {
  const features = createExporterFeatures();
  const values = new Map<string, number[]>();
  const clients = new Map<string, Span>();
  const roots: number[] = [];
  const hops: number[] = [];
  const servers: Span[] = [];
  const fromUs = 1000 * ((options.startMs ?? 0) + WARM_UP_MS);
  for (const { spans, readings } of simulate(loadTopology(name), options)) {
    for (const span of spans) {
      if (span.startUs < fromUs) continue;
      if (span.parentSpanId === undefined && span.operation === watched.operation) {
        roots.push(span.durationUs / 1000);
      } else if (span.kind === 'client' && span.peerService === watched.service) {
        clients.set(span.spanId, span);
      } else if (span.kind === 'server' && span.service === watched.service) {
        servers.push(span);
      }
    }
    for (const { service, feature, value, timestampMs } of features.read(readings)) {
      if (service !== watched.service || 1000 * timestampMs < fromUs + 15e6) continue;
      values.set(feature, [...(values.get(feature) ?? []), value]);
    }
  }
  for (const { parentSpanId, startUs } of servers) {
    const client = clients.get(parentSpanId ?? '');
    if (client !== undefined) hops.push((startUs - client.startUs) / 1000);
  }
  const mean = (feature: string) => {
    const list = values.get(feature) ?? [];
    return list.reduce((sum, value) => sum + value, 0) / list.length;
  };
  return {
    roots,
    hops,
    busy: mean('cpu_host_busy_ratio'),
    cpuCores: mean('cpu_usage_cores'),
    pingMs: mean('network_probe_ms'),
  };
}

/** The chain of the calibration: ten tiers at 500 requests/s, a fault at the sixth. */
export function measureChain(kind?: FaultKind, intensity = 0): Measured {
  const durationMs = 140_000;
  const service = 'tier-5';
  const fault = (each: FaultKind): Fault => ({
    kind: each,
    service,
    startMs: WARM_UP_MS - 5000,
    endMs: durationMs,
    intensity,
  });
  const faults = kind === undefined ? [] : [fault(kind)];
  const options = { durationMs, requestsPerSecond: 500, steady: true, sampling: 0.3, faults };
  return measure('chain', options, { service, operation: 'GET /' });
}

export function at(values: readonly number[], share: number): number {
  return quantile(values, share);
}
