import type { TargetConfig } from '../config.js';
import { readRelayLink } from '../drivers/relay-and-pools.js';
import type { Site } from '../drivers/site.js';
import { type Controller, parseThrottledSeconds } from '../procfs/cgroup.js';
import { type InterfaceBytes, parseNetDev, parsePressureMicroseconds } from '../procfs/host.js';
import {
  parseIoBytes,
  readProcessStat,
  readProcessStatus,
  readSchedStats,
  type SchedStat,
} from '../procfs/process.js';
import { readHtbClass } from '../steps/htb-class.js';
import { findTarget } from '../targets/find-target.js';

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
  readonly cpuPressureUs: number | undefined;
  readonly memoryPressureUs: number | undefined;
  readonly network: InterfaceBytes | undefined;
  readonly backlogBytes: number | undefined;
}

/** undefined once none of the target's processes lives. */
export async function readTarget(
  site: Site,
  target: TargetConfig,
  monotonicMs: () => number,
): Promise<TargetReading | undefined> {
  const found = findTarget(site, target);
  if (!found.ok) return undefined;
  const { pids } = found.value;
  // What waits for an answer comes first, so that the counters below belong to one moment.
  const backlogBytes = await readBacklog(site, target);
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
    throttledSeconds: parseThrottledSeconds(inGroup('cpu', 'cpu.stat')),
    cpuPressureUs: parsePressureMicroseconds(inGroup('cpu', 'cpu.pressure')),
    memoryPressureUs: parsePressureMicroseconds(inGroup('memory', 'memory.pressure')),
    network,
    backlogBytes,
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

async function readBacklog(site: Site, target: TargetConfig): Promise<number | undefined> {
  if (target.link === undefined) return undefined;
  const reading = await readHtbClass(site.system, target.link.device, target.link.classid);
  return reading.ok ? reading.value.backlogBytes : undefined;
}
