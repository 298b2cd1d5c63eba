import type { Rng } from '@sage/core';
import type { ExporterReading } from '@sage/telemetry-source';
import type { Host } from '../world/host.js';
import type { Replica } from '../world/replica.js';

type Labels = Readonly<Record<string, string>>;

/** A round trip within the rack without any queue, and how much one differs from the next. */
const PING_MS = 0.045;
const PING_NOISE = 0.15;
const PING_BYTES = 84;
const GAUGE_NOISE = 0.004;
/** Share of scrapes that fail. */
const GAPS = 0.004;
const MB = 1e6;

/** Everything that exporters say of one replica: cAdvisor, the blackbox exporter, and the service's own pools. */
export class ReplicaTarget {
  private readonly labels: Labels;
  private readonly faultLabels: Labels;
  private readonly missLabels: Labels;
  private readonly probeLabels: Labels;
  private readonly poolLabels: readonly Labels[];

  constructor(
    private readonly replica: Replica,
    /** One way between hosts: messages on their way are in no queue yet. */
    private readonly networkDelayMs: number,
    private readonly rng: Rng,
  ) {
    const { name, service, host } = replica;
    this.labels = { container: service.label, pod: name, instance: `${host.name}:8080` };
    this.faultLabels = { ...this.labels, failure_type: 'pgmajfault', scope: 'container' };
    this.missLabels = { ...this.labels, event: 'LLC-load-misses' };
    this.probeLabels = { ...this.labels, instance: 'blackbox:9115' };
    this.poolLabels = replica.pools.flatMap((pool) =>
      pool === undefined ? [] : [{ ...this.labels, 'pool.name': pool.name }],
    );
  }

  /** There is nothing to scrape any more. */
  get isGone(): boolean {
    return this.replica.retired;
  }

  /** `nowMs`: of the world; `timestampMs`: what the scrape is filed under. */
  scrape(nowMs: number, timestampMs: number, readings: ExporterReading[]): void {
    this.replica.host.settle(nowMs);
    if (this.rng.uniform() >= GAPS) this.containers(timestampMs, readings);
    if (this.rng.uniform() >= GAPS) this.probe(nowMs, timestampMs, readings);
    this.pools(nowMs, timestampMs, readings);
  }

  private containers(timestampMs: number, readings: ExporterReading[]): void {
    const { counters, workingSetMb, memoryLimitMb, llcHeldMb } = this.replica;
    const add = (name: string, value: number, labels = this.labels) => {
      readings.push({ name, labels, timestampMs, value });
    };
    const gauge = (value: number) => value * (1 + GAUGE_NOISE * this.rng.normal());
    add('container_cpu_usage_seconds_total', counters.cpuMs / 1000);
    add('container_cpu_cfs_throttled_seconds_total', counters.throttledMs / 1000);
    add('container_cpu_schedstat_runqueue_seconds_total', counters.runqueueMs / 1000);
    add('container_pressure_cpu_waiting_seconds_total', counters.cpuPressure.totalMs / 1000);
    add('container_memory_working_set_bytes', gauge(Math.min(workingSetMb, memoryLimitMb) * MB));
    add('container_memory_failures_total', counters.majorFaults, this.faultLabels);
    add('container_pressure_memory_waiting_seconds_total', counters.memoryPressure.totalMs / 1000);
    add('container_fs_reads_bytes_total', counters.readBytes);
    add('container_fs_writes_bytes_total', counters.writtenBytes);
    add('container_pressure_io_waiting_seconds_total', counters.diskPressure.totalMs / 1000);
    add('container_network_receive_bytes_total', counters.receivedBytes);
    add('container_network_transmit_bytes_total', counters.sentBytes);
    add('container_llc_occupancy_bytes', gauge(llcHeldMb * MB));
    add('container_perf_events_total', Math.round(counters.cacheMisses), this.missLabels);
  }

  /** An echo takes its turn in the link's queues like everything else, and may get lost. */
  private probe(nowMs: number, timestampMs: number, readings: ExporterReading[]): void {
    const { replica, rng, probeLabels: labels } = this;
    const lost = rng.uniform() < replica.linkLoss;
    readings.push({ name: 'probe_success', labels, timestampMs, value: lost ? 0 : 1 });
    if (lost) return;
    const queuedMs =
      Math.max(0, replica.receiveFreeMs - nowMs - this.networkDelayMs) +
      Math.max(0, replica.sendFreeMs - nowMs) +
      (PING_BYTES / replica.sendBytesPerMs + PING_BYTES / replica.receiveBytesPerMs);
    const rttMs = PING_MS * Math.exp(PING_NOISE * rng.normal()) + replica.linkDelayMs + queuedMs;
    const name = 'probe_icmp_duration_seconds';
    readings.push({ name, labels: { ...labels, phase: 'rtt' }, timestampMs, value: rttMs / 1000 });
  }

  private pools(nowMs: number, timestampMs: number, readings: ExporterReading[]): void {
    let index = 0;
    for (const pool of this.replica.pools) {
      if (pool === undefined) continue;
      const labels = this.poolLabels[index++] as Labels;
      const { pending, waitMs } = pool.scrape(nowMs);
      readings.push({ name: 'db.client.connection.pending_requests', labels, timestampMs, value: pending });
      readings.push({ name: 'db.client.connection.wait_time', labels, timestampMs, value: waitMs / 1000 });
    }
  }
}

/** What the node exporter says of one host. */
export class HostTarget {
  private readonly user: readonly Labels[];
  private readonly idle: readonly Labels[];
  private readonly disk: Labels;

  constructor(
    private readonly host: Host,
    private readonly rng: Rng,
  ) {
    const instance = `${host.name}:9100`;
    const cores = [...host.coreBusyMs.keys()];
    this.user = cores.map((core) => ({ instance, cpu: String(core), mode: 'user' }));
    this.idle = cores.map((core) => ({ instance, cpu: String(core), mode: 'idle' }));
    this.disk = { instance, device: 'nvme0n1' };
  }

  get isGone(): boolean {
    return this.host.replicas.every(({ retired }) => retired);
  }

  scrape(nowMs: number, timestampMs: number, readings: ExporterReading[]): void {
    const { host } = this;
    host.settle(nowMs);
    if (this.rng.uniform() < GAPS) return;
    const name = 'node_cpu_seconds_total';
    for (let core = 0; core < host.coreBusyMs.length; core++) {
      // Bursts are booked when they come: what lies ahead has not been worked yet.
      const aheadMs = Math.max(0, (host.coreFreeMs[core] as number) - nowMs);
      const busyMs = (host.coreBusyMs[core] as number) - aheadMs + (host.coreScavengedMs[core] as number);
      const seconds = [busyMs / 1000, Math.max(0, nowMs - busyMs) / 1000] as const;
      readings.push({ name, labels: this.user[core] as Labels, timestampMs, value: seconds[0] });
      readings.push({ name, labels: this.idle[core] as Labels, timestampMs, value: seconds[1] });
    }
    const diskMs = host.diskBusyMs - Math.max(0, host.diskFreeMs - nowMs);
    readings.push({
      name: 'node_disk_io_time_seconds_total',
      labels: this.disk,
      timestampMs,
      value: diskMs / 1000,
    });
  }
}
