import { type FeatureName, type MetricSample, replicaJoin } from '@sage/core';

interface Mean {
  sum: number;
  count: number;
}

interface Column {
  readonly service: string;
  readonly feature: FeatureName;
  /** Of samples that tell no replica. */
  readonly whole: Mean;
  readonly replicas: Map<string, Mean>;
}

export interface MetricLimits {
  /** Columns, a service's feature each. */
  readonly maxColumns: number;
  /** Replicas of one service told apart. */
  readonly maxReplicas: number;
}

/** Readings of replicas that a slice holds at most, per column that it may hold. */
const REPLICA_READINGS_PER_COLUMN = 10;

/** `overflow`: no room for the column. `replicaOverflow`: none for the replica; the others still tell of the service. */
export type MetricAdmission = 'accepted' | 'overflow' | 'replicaOverflow';

/** The metric samples of one slice. */
export class MetricSlice {
  readonly columns = new Map<string, Column>();
  #replicaReadings = 0;

  add(sample: MetricSample, limits: MetricLimits): MetricAdmission {
    const { service, instance, feature, value } = sample;
    const key = `${feature}|${service}`;
    let column = this.columns.get(key);
    if (column === undefined) {
      if (this.columns.size >= limits.maxColumns) return 'overflow';
      column = { service, feature, whole: { sum: 0, count: 0 }, replicas: new Map() };
      this.columns.set(key, column);
    }
    let mean: Mean | undefined = column.whole;
    if (instance !== undefined) {
      mean = column.replicas.get(instance);
      if (mean === undefined) {
        const full = this.#replicaReadings >= REPLICA_READINGS_PER_COLUMN * limits.maxColumns;
        const told = column.replicas.size;
        // The first one always finds room: without it there would be nothing in the column.
        if (told > 0 && (full || told >= limits.maxReplicas)) return 'replicaOverflow';
        this.#replicaReadings += 1;
        mean = { sum: 0, count: 0 };
        column.replicas.set(instance, mean);
      }
    }
    mean.sum += value;
    mean.count += 1;
    return 'accepted';
  }
}

/** One feature of one service over the slices of a window. Every slice weighs the same, however often it was sampled. */
interface Joined {
  readonly whole: Mean;
  readonly replicas: Map<string, Mean>;
  /** Over all slices, the mean of the replicas that each has. */
  readonly perReplica: Mean;
  mostAtOnce: number;
}

export type FeatureValues = ReadonlyMap<FeatureName, number>;

export interface WindowMetrics {
  readonly services: ReadonlyMap<string, FeatureValues>;
  /** service → replica → features, only those that were read of two or more replicas. */
  readonly replicas: ReadonlyMap<string, ReadonlyMap<string, FeatureValues>>;
}

/**
 * Joins slices to a window's columns. Samples that tell no replica are averaged. Of replicas told apart a column is, by
 * the feature's `replicaJoin`, the largest of their means, or their sum: the mean of a replica times the most seen in
 * one slice, so that neither a scrape that fails nor a replica replaced within the window changes it. Where a feature
 * comes both ways, that of the replicas counts.
 */
export function joinMetricSlices(slices: readonly MetricSlice[]): WindowMetrics {
  const services = new Map<string, Map<FeatureName, number>>();
  const replicas = new Map<string, Map<string, Map<FeatureName, number>>>();
  for (const { service, feature, joined } of joinColumns(slices)) {
    const features = services.get(service) ?? new Map<FeatureName, number>();
    services.set(service, features);
    features.set(feature, columnOf(feature, joined));
    if (joined.replicas.size < 2) continue;
    const ofService = replicas.get(service) ?? new Map<string, Map<FeatureName, number>>();
    replicas.set(service, ofService);
    for (const [instance, mean] of joined.replicas) {
      const own = ofService.get(instance) ?? new Map<FeatureName, number>();
      ofService.set(instance, own);
      own.set(feature, mean.sum / mean.count);
    }
  }
  return { services, replicas };
}

function joinColumns(slices: readonly MetricSlice[]) {
  const columns = new Map<string, { service: string; feature: FeatureName; joined: Joined }>();
  for (const slice of slices) {
    for (const [key, { service, feature, whole, replicas }] of slice.columns) {
      let column = columns.get(key);
      if (column === undefined) {
        const joined = { whole: noMean(), replicas: new Map(), perReplica: noMean(), mostAtOnce: 0 };
        column = { service, feature, joined };
        columns.set(key, column);
      }
      const { joined } = column;
      if (whole.count > 0) add(joined.whole, whole.sum / whole.count);
      if (replicas.size === 0) continue;
      let total = 0;
      for (const [instance, { sum, count }] of replicas) {
        const mean = joined.replicas.get(instance) ?? noMean();
        joined.replicas.set(instance, mean);
        add(mean, sum / count);
        total += sum / count;
      }
      add(joined.perReplica, total / replicas.size);
      joined.mostAtOnce = Math.max(joined.mostAtOnce, replicas.size);
    }
  }
  return columns.values();
}

function columnOf(feature: FeatureName, { whole, replicas, perReplica, mostAtOnce }: Joined): number {
  if (replicas.size === 0) return whole.sum / whole.count;
  if (replicaJoin(feature) === 'sum') return (mostAtOnce * perReplica.sum) / perReplica.count;
  let largest = Number.NEGATIVE_INFINITY;
  for (const { sum, count } of replicas.values()) largest = Math.max(largest, sum / count);
  return largest;
}

function noMean(): Mean {
  return { sum: 0, count: 0 };
}

function add(mean: Mean, value: number): void {
  mean.sum += value;
  mean.count += 1;
}
