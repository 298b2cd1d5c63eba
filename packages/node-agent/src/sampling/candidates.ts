import type { CoRunner } from '@sage/core';
import { isAllowedCommand } from '../drivers/allow-list.js';
import type { Site } from '../drivers/site.js';
import type { CacheReading } from '../procfs/cache-counters.js';
import { parseNetDev } from '../procfs/host.js';
import {
  listPids,
  parseIoBytes,
  readCommandLine,
  readProcessStat,
  TICKS_PER_SECOND,
} from '../procfs/process.js';

export type ProcessUse = Omit<CoRunner, 'pid'>;

interface Counters {
  readonly startTicks: number;
  readonly cpuTicks: number;
  readonly diskBytes: number | undefined;
  readonly networkBytes: number | undefined;
  readonly cache: CacheReading | undefined;
  readonly atMs: number;
}

/** Of processes of the co-runner allow-list: their use between two readings. */
export class Candidates {
  #before = new Map<number, Counters>();
  #usage: ReadonlyMap<number, ProcessUse> = new Map();

  constructor(
    private readonly site: Site,
    private readonly monotonicMs: () => number,
  ) {}

  get usage(): ReadonlyMap<number, ProcessUse> {
    return this.#usage;
  }

  /** As subjects of a cache monitor, those that used most first. */
  subjects(): ReadonlyMap<string, readonly number[]> {
    const byUse = [...this.#usage].sort(([, a], [, b]) => b.cpuCores - a.cpuCores);
    return new Map(byUse.map(([pid]) => [subjectOf(pid), [pid]]));
  }

  read(caches: ReadonlyMap<string, CacheReading>): void {
    if (this.site.config.coRunners.allow.length === 0) return;
    const { system } = this.site;
    const ours = system.link(`/proc/${this.site.ownPid}/ns/net`);
    const candidates = new Map<number, Counters>();
    const usage = new Map<number, ProcessUse>();
    for (const pid of listPids(system)) {
      const command = readCommandLine(system, pid);
      if (!isAllowedCommand(this.site, command)) continue;
      const stat = readProcessStat(system, pid);
      if (stat === undefined) continue;
      const namespace = system.link(`/proc/${pid}/ns/net`);
      // Interfaces say something of a process only where they are not the node's.
      const network = namespace === ours ? undefined : system.read(`/proc/${pid}/net/dev`);
      const bytes = network === undefined ? undefined : parseNetDev(network);
      const now: Counters = {
        startTicks: stat.startTicks,
        cpuTicks: stat.cpuTicks,
        diskBytes: parseIoBytes(system.read(`/proc/${pid}/io`) ?? ''),
        networkBytes: bytes && bytes.received + bytes.transmitted,
        cache: caches.get(subjectOf(pid)),
        atMs: this.monotonicMs(),
      };
      candidates.set(pid, now);
      const before = this.#before.get(pid);
      if (before === undefined || before.startTicks !== now.startTicks || now.atMs <= before.atMs) continue;
      usage.set(pid, { command, ...useBetween(before, now) });
    }
    this.#before = candidates;
    this.#usage = usage;
  }
}

function subjectOf(pid: number): string {
  // No target's name has a colon.
  return `pid:${pid}`;
}

function useBetween(before: Counters, now: Counters): Omit<ProcessUse, 'command'> {
  const seconds = (now.atMs - before.atMs) / 1000;
  // A counter that ran backwards was reset.
  const rate = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined || b < a ? undefined : (b - a) / seconds;
  const disk = rate(before.diskBytes, now.diskBytes);
  const memory = rate(before.cache?.memoryBytes, now.cache?.memoryBytes);
  const network = rate(before.networkBytes, now.networkBytes);
  const occupancy = now.cache?.occupancyBytes;
  return {
    cpuCores: (now.cpuTicks - before.cpuTicks) / seconds / TICKS_PER_SECOND,
    ...(disk === undefined ? {} : { diskBytesPerSecond: disk }),
    ...(occupancy === undefined ? {} : { llcBytes: occupancy }),
    ...(memory === undefined ? {} : { memoryBytesPerSecond: memory }),
    ...(network === undefined ? {} : { networkBytesPerSecond: network }),
  };
}
