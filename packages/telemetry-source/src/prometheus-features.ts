import type { FeatureName } from '@sage/core';

/**
 * PromQL that gives a feature per service, or per replica of it where `pod` tells them apart. `$window` becomes the time
 * that a read covers (`120s`), `$service_label` the label that holds the service's name.
 */
export type PrometheusTemplates = Partial<Record<FeatureName, string>>;

/** cAdvisor's series of containers proper, without the pod's own cgroup and its pause container. */
const OWN = '$service_label!="",$service_label!="POD"';

function rate(metric: string, labels = ''): string {
  return `sum by ($service_label, pod) (rate(${metric}{${OWN}${labels}}[$window]))`;
}

function worst(metric: string): string {
  return `max by ($service_label, pod) (rate(${metric}{${OWN}}[$window]))`;
}

/**
 * A reading of the host for each service that runs there: cAdvisor and the node exporter are scraped on different
 * ports of one host, so they are matched on the host part of `instance`; where there is a `node` label on cAdvisor's
 * series and the node exporter's `instance` is an address of its own, give a template of your own.
 */
function ofHost(reading: string): string {
  const host = (series: string) =>
    `label_replace(${series}, "sage_host", "$1", "instance", "([^:]+)(?::[0-9]+)?")`;
  return (
    `max by ($service_label, pod) (max by ($service_label, pod, sage_host) (0 * ${host(`container_memory_working_set_bytes{${OWN}}`)})` +
    ` + on (sage_host) group_left () max by (sage_host) (${host(reading)}))`
  );
}

/** Kubernetes accounts network to the pod, plain Docker to the container: the pod's goes to each of its containers. */
function network(metric: string): string {
  const container = `max by (namespace, pod, $service_label) (container_memory_working_set_bytes{${OWN},pod!=""})`;
  const pod = `sum by (namespace, pod) (rate(${metric}{pod!=""}[$window]))`;
  return (
    `${rate(metric)} or sum by ($service_label, pod)` +
    ` (0 * ${container} + on (namespace, pod) group_left () ${pod})`
  );
}

/**
 * For cAdvisor, the node exporter and the blackbox exporter (whose targets must carry the service label: relabel
 * them). A feature that an installation has no series for is reported as having no data and does no harm.
 */
export const DEFAULT_PROMETHEUS_FEATURES: PrometheusTemplates = {
  cpu_usage_cores: rate('container_cpu_usage_seconds_total'),
  cpu_host_busy_ratio: ofHost('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$window]))'),
  cpu_runqueue_wait_ratio: rate('container_cpu_schedstat_runqueue_seconds_total'),
  cpu_throttled_ratio: rate('container_cpu_cfs_throttled_seconds_total'),
  cpu_pressure_ratio: worst('container_pressure_cpu_waiting_seconds_total'),
  memory_working_set_bytes:
    `sum by ($service_label, pod) (avg_over_time(container_memory_working_set_bytes{${OWN}}[$window]))` +
    ` or sum by ($service_label, pod) (avg_over_time(container_memory_usage_bytes{${OWN}}[$window]))`,
  memory_major_faults_per_second: rate(
    'container_memory_failures_total',
    ',failure_type="pgmajfault",scope="container"',
  ),
  memory_pressure_ratio: worst('container_pressure_memory_waiting_seconds_total'),
  disk_io_bytes_per_second: `${rate('container_fs_reads_bytes_total')} + ${rate('container_fs_writes_bytes_total')}`,
  disk_wait_ratio: `${worst('container_pressure_io_waiting_seconds_total')} or ${ofHost(
    'max by (instance) (rate(node_disk_io_time_seconds_total[$window]))',
  )}`,
  network_receive_bytes_per_second: network('container_network_receive_bytes_total'),
  network_transmit_bytes_per_second: network('container_network_transmit_bytes_total'),
  network_probe_ms:
    '1000 * (avg by ($service_label, pod) (avg_over_time(probe_icmp_duration_seconds{phase="rtt",$service_label!=""}[$window]))' +
    ' or avg by ($service_label, pod) (avg_over_time(probe_duration_seconds{$service_label!=""}[$window])))',
  network_probe_failure_ratio:
    '1 - avg by ($service_label, pod) (avg_over_time(probe_success{$service_label!=""}[$window]))',
  llc_occupancy_bytes: `sum by ($service_label, pod) (avg_over_time(container_llc_occupancy_bytes{${OWN}}[$window]))`,
};
