import type { Rng, SharedResource } from '@sage/core';
import type { Host } from '../world/host.js';
import type { Fault, FaultKind } from './fault.js';

/** Bursts of a program that computes: cores taken for so long on average at full intensity, and its share of their time. */
const CPU_BURST_MS = 20;
const CPU_SHARE = 0.24;
/** Requests of one that copies files, and what the disk gets through at a stretch. */
const DISK_REQUEST_MS = 6;
const DISK_SHARE = 0.9;
const DISK_BYTES_PER_MS = 150_000;
/** Share of its working set in the cache that a service loses to one that goes through much memory. */
const LLC_LOSS = 0.95;
/**
 * What a program that is held back gets, as node agents hold them back: cores, bytes per second of the disk, a share of the
 * cache. The kernel grants the first two by periods.
 */
const LIMITED_CORES = 0.05;
const LIMITED_DISK_BYTES_PER_MS = 1048.576;
const LIMITED_LLC_SHARE = 0.1;
const LIMIT_PERIOD_MS = 100;
const FIRST_PID = 4000;

/** What the program is called on its host. */
const COMMANDS: Readonly<Partial<Record<FaultKind, string>>> = {
  cpu: '/opt/batch/bin/encode',
  'bad-replica': '/opt/batch/bin/encode',
  disk: '/usr/bin/rsync',
  llc: '/opt/batch/bin/join',
};

/** Whether it is another program on the host that makes a fault. */
export function isStranger({ kind }: Fault): boolean {
  return COMMANDS[kind] !== undefined;
}

/** A program on a host that is not the application's: it takes what the replicas there share, unless it is held back. */
export class Stranger {
  readonly pid: number;
  readonly command: string;
  /** Of which resources it is held back. */
  readonly limits = new Set<SharedResource>();
  /** Taken since the beginning, over all cores. */
  cpuMs = 0;
  diskBytes = 0;

  constructor(
    index: number,
    readonly fault: Fault,
    readonly host: Host,
  ) {
    this.pid = FIRST_PID + index;
    this.command = COMMANDS[fault.kind] ?? '';
  }

  isActive(nowMs: number): boolean {
    return nowMs >= this.fault.startMs && nowMs < this.fault.endMs;
  }

  /** Share of the host's cache that it pushes the replicas out of. */
  get llcShare(): number {
    if (this.fault.kind !== 'llc') return 0;
    const { host } = this;
    const wanted = host.replicas.reduce((sum, { service }) => sum + service.llcMb, 0);
    const taken = 1 - Math.min(1, wanted / host.llcMb) * (1 - LLC_LOSS * this.fault.intensity);
    return this.limits.has('llc') ? Math.min(taken, LIMITED_LLC_SHARE) : taken;
  }

  /** It takes cores or disk, in bursts; what it has of the cache it has all the time. */
  get comesInBursts(): boolean {
    return this.fault.kind !== 'llc';
  }

  /** Takes its next share of cores or disk; returns when it comes again. */
  take(nowMs: number, rng: Rng): number {
    return this.fault.kind === 'disk' ? this.copy(nowMs, rng) : this.compute(nowMs, rng);
  }

  private compute(nowMs: number, rng: Rng): number {
    const cores = this.host.coreFreeMs.length;
    const meanMs = CPU_BURST_MS * this.fault.intensity;
    const isLimited = this.limits.has('cpu');
    const wantedMs = meanMs * (0.5 + rng.uniform());
    const nextMs = nowMs + rng.exponential(meanMs / CPU_SHARE);
    const burstMs = isLimited ? Math.min(wantedMs, (LIMITED_CORES * LIMIT_PERIOD_MS) / cores) : wantedMs;
    this.host.occupyAll(nowMs, burstMs);
    this.cpuMs += cores * burstMs;
    return isLimited ? Math.max(nextMs, nowMs + LIMIT_PERIOD_MS) : nextMs;
  }

  private copy(nowMs: number, rng: Rng): number {
    const { intensity } = this.fault;
    const meanMs = DISK_REQUEST_MS * (0.3 + 0.7 * intensity);
    const isLimited = this.limits.has('disk');
    const wantedMs = rng.exponential(meanMs);
    const nextMs = nowMs + rng.exponential(meanMs / (DISK_SHARE * intensity));
    const grantedMs = (LIMITED_DISK_BYTES_PER_MS * LIMIT_PERIOD_MS) / DISK_BYTES_PER_MS;
    const requestMs = isLimited ? Math.min(wantedMs, grantedMs) : wantedMs;
    this.host.useDisk(nowMs, requestMs);
    this.diskBytes += requestMs * DISK_BYTES_PER_MS;
    return isLimited ? Math.max(nextMs, nowMs + LIMIT_PERIOD_MS) : nextMs;
  }
}
