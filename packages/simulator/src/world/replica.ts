import type { TopologyService } from '../topology.js';
import type { ConnectionPool } from './connection-pool.js';
import { FrameQueue } from './frame.js';
import type { Host } from './host.js';
import { WaitingTime } from './waiting-time.js';

/** The kernel's period of processor quotas. */
export const QUOTA_PERIOD_MS = 100;

/** What a container has done since it was started, as its exporters count it. */
export class ReplicaCounters {
  cpuMs = 0;
  runqueueMs = 0;
  throttledMs = 0;
  majorFaults = 0;
  readBytes = 0;
  writtenBytes = 0;
  receivedBytes = 0;
  sentBytes = 0;
  cacheMisses = 0;
  readonly cpuPressure = new WaitingTime();
  readonly memoryPressure = new WaitingTime();
  readonly diskPressure = new WaitingTime();
}

/** What one replica is there for at the nominal load. */
export interface ExpectedUse {
  readonly callsPerMs: number;
  /** Over its link, the busier way. */
  readonly bytesPerMs: number;
}

/** One container of a service. Fields that faults and operators turn are plain numbers; what follows from them is the engine's. */
export class Replica {
  readonly counters = new ReplicaCounters();
  readonly waiting = new FrameQueue();
  /** Connection pools by the index of the service they lead to. */
  readonly pools: (ConnectionPool | undefined)[] = [];
  busyWorkers = 0;
  /** Calls sent to it and not answered: on the way, waiting and being served. */
  outstanding = 0;
  /** Taken out of rotation: it ends what it has begun, and nothing tells of it any more. */
  retired = false;
  // Processor.
  quotaMs: number;
  private quotaPeriod = -1;
  private quotaUsedMs = 0;
  /** Share of the host's idle time that low-priority work of the container takes. */
  scavengerShare = 0;
  // Memory.
  memoryLimitMb: number;
  workingSetMb: number;
  // Last-level cache.
  llcHeldMb = 0;
  missShare = 0;
  cacheSlowdown = 1;
  // Link.
  linkDelayMs = 0;
  linkLoss = 0;
  sendBytesPerMs: number;
  receiveBytesPerMs: number;
  sendFreeMs = 0;
  receiveFreeMs = 0;
  // Software.
  lockHoldMs = 0;
  lockFreeMs = 0;

  constructor(
    readonly index: number,
    readonly serviceIndex: number,
    readonly service: TopologyService,
    readonly name: string,
    readonly host: Host,
    readonly cpuLimit: number,
    readonly linkBytesPerMs: number,
    readonly expected: ExpectedUse,
  ) {
    this.quotaMs = cpuLimit * QUOTA_PERIOD_MS;
    this.memoryLimitMb = service.memoryLimitMb;
    this.workingSetMb = service.memoryMb;
    this.sendBytesPerMs = linkBytesPerMs;
    this.receiveBytesPerMs = linkBytesPerMs;
    host.replicas.push(this);
  }

  /** One like it on another host, as deployed. */
  another(index: number, name: string, host: Host): Replica {
    const { serviceIndex, service, cpuLimit, linkBytesPerMs, expected } = this;
    return new Replica(index, serviceIndex, service, name, host, cpuLimit, linkBytesPerMs, expected);
  }

  /** When the quota lets a burst start; the burst counts for the period in which it does. */
  quotaStart(nowMs: number, burstMs: number): number {
    const period = Math.floor(nowMs / QUOTA_PERIOD_MS);
    if (period > this.quotaPeriod) {
      // What the last burst of a period took too much is owed by the next.
      const granted = this.quotaMs * (period - this.quotaPeriod);
      this.quotaUsedMs = Math.max(0, this.quotaUsedMs - granted);
      this.quotaPeriod = period;
    }
    while (this.quotaUsedMs >= this.quotaMs) {
      this.quotaUsedMs -= this.quotaMs;
      this.quotaPeriod += 1;
    }
    this.quotaUsedMs += burstMs;
    return Math.max(nowMs, this.quotaPeriod * QUOTA_PERIOD_MS);
  }

  /** Share of the working set that the limit keeps out of memory. */
  get memoryDeficit(): number {
    return Math.max(0, 1 - this.memoryLimitMb / this.workingSetMb);
  }
}
