import type { CoRunner, TargetState } from '@sage/core';
import type { ControlledNode } from './controls.js';
import type { Stranger } from './faults/stranger.js';
import type { Host } from './world/host.js';
import { BYTES_PER_MS_OF_A_MBIT } from './world/link-units.js';
import { QUOTA_PERIOD_MS, type Replica } from './world/replica.js';
import type { World } from './world/world.js';

const MB = 1e6;
/** Room that a host has for a replica: so many times the memory that it was deployed with. */
const MEMORY_ROOM = 2;

export interface ReadingsParts {
  readonly world: World;
  readonly strangers: readonly Stranger[];
  readonly nowMs: () => number;
}

interface Counted {
  readonly cpuMs: number;
  /** Of a replica: held off the processor by its quota. Of a program: bytes to and from the disk. */
  readonly other: number;
}

const NOTHING: Counted = { cpuMs: 0, other: 0 };

/** What node agents measure: counters of the kernel, as rates since they were read last. */
export class Readings {
  private readonly counted = new WeakMap<Replica | Stranger, Counted>();
  private takenMs = 0;

  constructor(private readonly parts: ReadingsParts) {}

  take(): readonly ControlledNode[] {
    const { world, nowMs } = this.parts;
    const now = nowMs();
    const elapsedMs = Math.max(1, now - this.takenMs);
    this.takenMs = now;
    const byHost = new Map<Host, TargetState[]>();
    for (const replica of world.replicas.flat()) {
      const targets = byHost.get(replica.host) ?? [];
      byHost.set(replica.host, targets);
      targets.push(this.targetState(replica, elapsedMs));
    }
    const coRunners = this.coRunnersByHost(elapsedMs);
    return [...byHost].map(([host, targets]) => ({
      node: host.name,
      targets: targets.map((state) => ({ ...state, coRunners: coRunners.get(host) ?? [] })),
    }));
  }

  private targetState(replica: Replica, elapsedMs: number): TargetState {
    const { service, quotaMs, memoryLimitMb, workingSetMb, counters } = replica;
    const { cpuMs, other: throttledMs } = this.since(replica, counters.cpuMs, counters.throttledMs);
    const linkOf = (bytesPerMs: number) => ({
      current: bytesPerMs / BYTES_PER_MS_OF_A_MBIT,
      max: replica.linkBytesPerMs / BYTES_PER_MS_OF_A_MBIT,
    });
    return {
      target: replica.name,
      cpuQuotaCores: { current: quotaMs / QUOTA_PERIOD_MS, max: replica.host.coreFreeMs.length },
      cpuUsedCores: cpuMs / elapsedMs,
      cpuThrottledRatio: throttledMs / elapsedMs,
      memoryLimitBytes: {
        current: memoryLimitMb * MB,
        max: MEMORY_ROOM * service.memoryLimitMb * MB,
        used: Math.min(workingSetMb, memoryLimitMb) * MB,
      },
      linkMbitPerSecond: linkOf(replica.sendBytesPerMs),
      linkIngressMbitPerSecond: linkOf(replica.receiveBytesPerMs),
      linkDelayMs: { current: replica.linkDelayMs, nominal: 0 },
      limitable: ['cpu', 'llc', 'disk'],
    };
  }

  private coRunnersByHost(elapsedMs: number): ReadonlyMap<Host, readonly CoRunner[]> {
    const found = new Map<Host, CoRunner[]>();
    for (const stranger of this.parts.strangers) {
      const { pid, command, host, llcShare } = stranger;
      const { cpuMs, other: diskBytes } = this.since(stranger, stranger.cpuMs, stranger.diskBytes);
      if (!stranger.isActive(this.takenMs)) continue;
      const all = found.get(host) ?? [];
      found.set(host, all);
      all.push({
        pid,
        command,
        cpuCores: cpuMs / elapsedMs,
        diskBytesPerSecond: (1000 * diskBytes) / elapsedMs,
        llcBytes: llcShare * host.llcMb * MB,
      });
    }
    return found;
  }

  /** What was counted since the last time; keeps the counters. */
  private since(of: Replica | Stranger, cpuMs: number, other: number): Counted {
    const before = this.counted.get(of) ?? NOTHING;
    this.counted.set(of, { cpuMs, other });
    return { cpuMs: cpuMs - before.cpuMs, other: other - before.other };
  }
}
