import type { FeatureName } from '@sage/core';

/** How a metric of an exporter becomes a feature. */
export interface ExporterRule {
  readonly feature: FeatureName;
  /** `rate`: a counter, its increase per second. `value`: a gauge. */
  readonly take: 'rate' | 'value';
  /** How several series of one replica become one reading: devices, directions, pools. */
  readonly join: 'sum' | 'max' | 'mean';
  /** Labels that a series must have; one that lacks the label is taken as it is. */
  readonly only?: Readonly<Record<string, string>>;
  readonly scale?: number;
  /** 1 − value: a share of what went well. */
  readonly complement?: boolean;
  /** Of rules with the same feature the one of the higher rank is believed. Default 1. */
  readonly rank?: number;
}

const rate = (feature: FeatureName, join: ExporterRule['join'] = 'sum'): ExporterRule => ({
  feature,
  take: 'rate',
  join,
});

/**
 * Series of containers and of probes, by the names of cAdvisor, the blackbox exporter and OpenTelemetry. They mean what
 * the PromQL of `DEFAULT_PROMETHEUS_FEATURES` means. The cache's own: `container_llc_occupancy_bytes` (resctrl) and
 * cAdvisor's `container_perf_events_total{event="LLC-load-misses"}`.
 */
export const CONTAINER_RULES: Readonly<Record<string, ExporterRule>> = {
  container_cpu_usage_seconds_total: rate('cpu_usage_cores'),
  container_cpu_cfs_throttled_seconds_total: rate('cpu_throttled_ratio'),
  container_cpu_schedstat_runqueue_seconds_total: rate('cpu_runqueue_wait_ratio'),
  container_pressure_cpu_waiting_seconds_total: rate('cpu_pressure_ratio', 'max'),
  container_memory_working_set_bytes: { feature: 'memory_working_set_bytes', take: 'value', join: 'sum' },
  // With the page cache that could be given back: second choice, and what is left where cgroups tell nothing better.
  container_memory_usage_bytes: { feature: 'memory_working_set_bytes', take: 'value', join: 'sum', rank: 0 },
  container_memory_failures_total: {
    ...rate('memory_major_faults_per_second'),
    only: { failure_type: 'pgmajfault', scope: 'container' },
  },
  container_pressure_memory_waiting_seconds_total: rate('memory_pressure_ratio', 'max'),
  container_fs_reads_bytes_total: rate('disk_io_bytes_per_second'),
  container_fs_writes_bytes_total: rate('disk_io_bytes_per_second'),
  container_pressure_io_waiting_seconds_total: rate('disk_wait_ratio', 'max'),
  container_network_receive_bytes_total: rate('network_receive_bytes_per_second'),
  container_network_transmit_bytes_total: rate('network_transmit_bytes_per_second'),
  container_llc_occupancy_bytes: { feature: 'llc_occupancy_bytes', take: 'value', join: 'sum' },
  container_perf_events_total: { ...rate('llc_misses_per_second'), only: { event: 'LLC-load-misses' } },
  probe_icmp_duration_seconds: {
    feature: 'network_probe_ms',
    take: 'value',
    join: 'mean',
    only: { phase: 'rtt' },
    scale: 1000,
    rank: 2,
  },
  probe_duration_seconds: { feature: 'network_probe_ms', take: 'value', join: 'mean', scale: 1000 },
  probe_success: { feature: 'network_probe_failure_ratio', take: 'value', join: 'mean', complement: true },
  'db.client.connection.pending_requests': { feature: 'software_pool_pending', take: 'value', join: 'sum' },
  'db.client.connection.wait_time': {
    feature: 'software_pool_wait_ms',
    take: 'value',
    join: 'max',
    scale: 1000,
  },
};

/** Series of the node exporter, which tell of every container on the host. */
export const HOST_CPU = 'node_cpu_seconds_total';
export const HOST_DISK = 'node_disk_io_time_seconds_total';
