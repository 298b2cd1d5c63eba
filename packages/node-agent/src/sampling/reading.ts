import type { TargetConfig } from '../config.js';
import { readRelayLink } from '../drivers/relay-and-pools.js';
import type { Site } from '../drivers/site.js';
import type { CacheReading } from '../procfs/cache-counters.js';
import { type Controller, parseThrottledSeconds } from '../procfs/cgroup.js';
import { type InterfaceBytes, parseNetDev } from '../procfs/host.js';
import { type Pressure, readGroupPressure } from '../procfs/pressure.js';
import {
  parseIoBytes,
  readProcessStat,
  readProcessStatus,
  readSchedStats,
  type SchedStat,
} from '../procfs/process.js';
import { findTarget } from '../targets/find-target.js';
import type { QueueReading } from './link-queues.js';

/** Counters of one process. What the node does not tell is undefined, never 0. */
export interface ProcessReading {
  readonly cpuTicks: number;
  readonly majorFaults: number;
  readonly blockIoDelayTicks: number | undefined;
  readonly residentBytes: number | undefined;
  readonly ioBytes: number | undefined;
  readonly threads: ReadonlyMap<string, SchedStat>;
  readonly allowedCpus: readonly number[];
}

/** Counters of a target at one moment. */
export interface TargetReading {
  /** Monotonic, for rates. */
  readonly atMs: number;
  /** By `pid/start time`: a pid used again is another process. */
  readonly processes: ReadonlyMap<string, ProcessReading>;
  readonly throttledSeconds: number | undefined;
  readonly pressure: Pressure;
  readonly network: InterfaceBytes | undefined;
  readonly queue: QueueReading | undefined;
  readonly cache: CacheReading | undefined;
}

/** What is read for all targets at once. */
export interface SharedReadings {
  readonly queues: ReadonlyMap<string, QueueReading>;
  readonly caches: ReadonlyMap<string, CacheReading>;
}

/** undefined once none of the target's processes lives. */
export async function readTarget(
  site: Site,
  target: TargetConfig,
  { queues, caches }: SharedReadings,
  monotonicMs: () => number,
): Promise<TargetReading | undefined> {
  const found = findTarget(site, target);
  if (!found.ok) return undefined;
  const { pids } = found.value;
  // What waits for an answer comes first, so that the counters below belong to one moment.
  const network = readOwnInterfaces(site, pids) ?? (await readRelayBytes(site, target));
  const processes = new Map<string, ProcessReading>();
  const delayAccounting = site.system.read('/proc/sys/kernel/task_delayacct')?.trim() === '1';
  for (const pid of pids) {
    const stat = readProcessStat(site.system, pid);
    const status = readProcessStatus(site.system, pid);
    if (stat === undefined || status === undefined) continue;
    processes.set(`${pid}/${stat.startTicks}`, {
      cpuTicks: stat.cpuTicks,
      majorFaults: stat.majorFaults,
      blockIoDelayTicks: delayAccounting ? stat.blockIoDelayTicks : undefined,
      residentBytes: status.residentBytes,
      ioBytes: parseIoBytes(site.system.read(`/proc/${pid}/io`) ?? ''),
      threads: readSchedStats(site.system, pid),
      allowedCpus: status.allowedCpus,
    });
  }
  if (processes.size === 0) return undefined;
  const inGroup = (controller: Controller, file: string) => {
    const group = found.value.group(controller);
    return group.ok ? (site.system.read(`${group.value.directory}/${file}`) ?? '') : '';
  };
  return {
    atMs: monotonicMs(),
    processes,
    pressure: readGroupPressure(site.system, pids[0] as number),
    throttledSeconds: parseThrottledSeconds(inGroup('cpu', 'cpu.stat')),
    network,
    queue: queues.get(target.name),
    cache: caches.get(target.name),
  };
}

/** Interfaces say something of a target only where they are its own: in another network namespace than ours. */
function readOwnInterfaces(site: Site, pids: readonly number[]): InterfaceBytes | undefined {
  const ours = site.system.link(`/proc/${site.ownPid}/ns/net`);
  const seen = new Set<string>();
  let received = 0;
  let transmitted = 0;
  for (const pid of pids) {
    const namespace = site.system.link(`/proc/${pid}/ns/net`);
    if (namespace === undefined || namespace === ours || seen.has(namespace)) continue;
    const text = site.system.read(`/proc/${pid}/net/dev`);
    if (text === undefined) continue;
    seen.add(namespace);
    const bytes = parseNetDev(text);
    received += bytes.received;
    transmitted += bytes.transmitted;
  }
  return seen.size === 0 ? undefined : { received, transmitted };
}

async function readRelayBytes(site: Site, target: TargetConfig): Promise<InterfaceBytes | undefined> {
  const link = await readRelayLink(site, target);
  if (link === undefined || !Number.isFinite(link.receivedBytes + link.transmittedBytes)) return undefined;
  return { received: link.receivedBytes, transmitted: link.transmittedBytes };
}
