import type { FeatureName } from '@sage/core';
import { busyRatio, type CpuTimes } from '../procfs/host.js';
import { TICKS_PER_SECOND } from '../procfs/process.js';
import type { ProcessReading, TargetReading } from './reading.js';

/** Rates between two readings of a target, and the levels of the later one. Features that nobody measures are absent. */
export function featuresBetween(
  before: TargetReading,
  after: TargetReading,
  hostBefore: CpuTimes,
  hostAfter: CpuTimes,
): ReadonlyMap<FeatureName, number> {
  const features = new Map<FeatureName, number>();
  const seconds = (after.atMs - before.atMs) / 1000;
  if (seconds <= 0) return features;
  const set = (name: FeatureName, value: number | undefined) => {
    if (value !== undefined && Number.isFinite(value)) features.set(name, value);
  };
  const pairs = [...after.processes].flatMap(([key, now]) => {
    const then = before.processes.get(key);
    return then === undefined ? [] : [[then, now] as const];
  });
  const rate = (counter: (process: ProcessReading) => number | undefined) =>
    pairs.length === 0
      ? undefined
      : perSecond(sumOf(pairs.map(([a, b]) => difference(counter(a), counter(b)))), seconds);
  const delta = (counter: (reading: TargetReading) => number | undefined) =>
    perSecond(difference(counter(before), counter(after)), seconds);

  const ticks = rate((process) => process.cpuTicks);
  set('cpu_usage_cores', ticks === undefined ? undefined : ticks / TICKS_PER_SECOND);
  set('cpu_runqueue_wait_ratio', perSecond(runQueueSeconds(pairs), seconds));
  set(
    'cpu_throttled_ratio',
    delta((reading) => reading.throttledSeconds),
  );
  set(
    'cpu_pressure_ratio',
    scaled(
      delta((reading) => reading.pressure.cpuUs),
      1e-6,
    ),
  );
  const cpus = new Set([...after.processes.values()].flatMap((process) => process.allowedCpus));
  set('cpu_host_busy_ratio', busyRatio(hostBefore, hostAfter, [...cpus]));
  set(
    'memory_working_set_bytes',
    sumOf([...after.processes.values()].map((process) => process.residentBytes)),
  );
  set(
    'memory_major_faults_per_second',
    rate((process) => process.majorFaults),
  );
  set(
    'memory_pressure_ratio',
    scaled(
      delta((reading) => reading.pressure.memoryUs),
      1e-6,
    ),
  );
  set(
    'disk_io_bytes_per_second',
    rate((process) => process.ioBytes),
  );
  set(
    'disk_wait_ratio',
    scaled(
      rate((process) => process.blockIoDelayTicks),
      1 / TICKS_PER_SECOND,
    ) ??
      // Without delay accounting the kernel still tells when some of the group's tasks waited.
      scaled(
        delta((reading) => reading.pressure.ioUs),
        1e-6,
      ),
  );
  set(
    'network_receive_bytes_per_second',
    delta((reading) => reading.network?.received),
  );
  set(
    'network_transmit_bytes_per_second',
    delta((reading) => reading.network?.transmitted),
  );
  set('network_backlog_bytes', after.queue?.backlogBytes);
  set(
    'network_drops_per_second',
    delta((reading) => reading.queue?.drops),
  );
  set('llc_occupancy_bytes', after.cache?.occupancyBytes);
  set(
    'memory_bandwidth_bytes_per_second',
    delta((reading) => reading.cache?.memoryBytes),
  );
  return features;
}

/** Over threads that both readings know. undefined on a kernel that keeps no schedstats: all its fields are 0. */
function runQueueSeconds(pairs: readonly (readonly [ProcessReading, ProcessReading])[]): number | undefined {
  let waitNs = 0;
  let anyRunNs = 0;
  for (const [then, now] of pairs) {
    for (const [tid, stat] of now.threads) {
      anyRunNs += stat.runNs;
      const old = then.threads.get(tid);
      if (old !== undefined) waitNs += Math.max(0, stat.waitNs - old.waitNs);
    }
  }
  return anyRunNs === 0 ? undefined : waitNs / 1e9;
}

/** A counter that ran backwards was reset: nothing is known of that second. */
function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined || after < before ? undefined : after - before;
}

function perSecond(amount: number | undefined, seconds: number): number | undefined {
  return amount === undefined ? undefined : amount / seconds;
}

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}

/** undefined unless at least one value is known. */
function sumOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}
