import { type FeatureName, isFeatureName, type ReplicaReading, type Window } from '@sage/core';
import { decodeStats, encodeStats } from './stats-codec.js';

type Replicas = NonNullable<Window['replicas']>;

/** The features of a service once, and per replica its latency, 0 for none, and its readings, null for none. */
interface EncodedService {
  readonly f: readonly string[];
  readonly i: Readonly<Record<string, readonly unknown[]>>;
}

/** {"geo":{"f":["cpu_usage_cores"],"i":{"geo-0":[[p50,p95,p99,count,mean],0.2],"geo-1":[0,0.21]}}} */
export function encodeReplicas(replicas: Replicas): Readonly<Record<string, EncodedService>> {
  return Object.fromEntries(
    [...replicas].map(([service, readings]) => {
      const features = [...new Set([...readings.values()].flatMap(({ metrics }) => [...metrics.keys()]))];
      const rows = [...readings].map(([name, { latency, metrics }]) => [
        name,
        [
          latency === undefined ? 0 : encodeStats(latency),
          ...features.map((feature) => brief(metrics.get(feature))),
        ],
      ]);
      return [service, { f: features, i: Object.fromEntries(rows) }];
    }),
  );
}

/** undefined where it is not what `encodeReplicas` gives. Features that are not known any more are left out. */
export function decodeReplicas(value: unknown): Replicas | undefined {
  if (!isRecord(value)) return undefined;
  const replicas = new Map<string, ReadonlyMap<string, ReplicaReading>>();
  for (const [service, encoded] of Object.entries(value)) {
    if (!isRecord(encoded) || !Array.isArray(encoded.f) || !isRecord(encoded.i)) return undefined;
    const readings = new Map<string, ReplicaReading>();
    for (const [name, row] of Object.entries(encoded.i)) {
      const reading = decodeRow(row, encoded.f);
      if (reading === undefined) return undefined;
      readings.set(name, reading);
    }
    replicas.set(service, readings);
  }
  return replicas;
}

function decodeRow(row: unknown, features: readonly unknown[]): ReplicaReading | undefined {
  if (!Array.isArray(row) || row.length !== features.length + 1) return undefined;
  const [stats, ...values] = row;
  const latency = stats === 0 ? undefined : decodeStats(stats);
  if (stats !== 0 && latency === undefined) return undefined;
  const metrics = features.flatMap((feature, index): [FeatureName, number][] => {
    const value: unknown = values[index];
    const known = typeof feature === 'string' && isFeatureName(feature) && Number.isFinite(value);
    return known ? [[feature, value as number]] : [];
  });
  return { latency, metrics: new Map(metrics) };
}

/** Six digits suffice for a comparison with others. */
function brief(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(6));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
