import type { Replica } from './replica.js';

/** Share of accesses that miss a cache that is large enough. */
const LEAST_MISSES = 0.02;

/**
 * A machine: cores, a disk and a last-level cache that its replicas share. Cores and disk serve first come, first served,
 * so that the end of a burst is known when it comes (Kiefer and Wolfowitz 1955): no event is needed for a start.
 */
export class Host {
  readonly replicas: Replica[] = [];
  readonly coreFreeMs: Float64Array;
  /** Busy time of each core, and time that low-priority work took of the idle rest. */
  readonly coreBusyMs: Float64Array;
  readonly coreScavengedMs: Float64Array;
  diskFreeMs = 0;
  diskBusyMs = 0;
  /** Share of the cache that other programs push the replicas out of. */
  strangerLlcShare = 0;
  private readonly settledBusyMs: Float64Array;
  private settledMs = 0;

  constructor(
    readonly name: string,
    cores: number,
    readonly llcMb: number,
  ) {
    this.coreFreeMs = new Float64Array(cores);
    this.coreBusyMs = new Float64Array(cores);
    this.coreScavengedMs = new Float64Array(cores);
    this.settledBusyMs = new Float64Array(cores);
  }

  /** Takes a core for so long; returns when the burst starts. */
  occupy(nowMs: number, burstMs: number): number {
    const { coreFreeMs } = this;
    let core = 0;
    let freeMs = coreFreeMs[0] as number;
    for (let other = 1; other < coreFreeMs.length && freeMs > nowMs; other++) {
      const otherMs = coreFreeMs[other] as number;
      if (otherMs < freeMs) {
        core = other;
        freeMs = otherMs;
      }
    }
    const startMs = Math.max(freeMs, nowMs);
    coreFreeMs[core] = startMs + burstMs;
    this.coreBusyMs[core] = (this.coreBusyMs[core] as number) + burstMs;
    return startMs;
  }

  /** Takes every core for so long. */
  occupyAll(nowMs: number, burstMs: number): void {
    for (let core = 0; core < this.coreFreeMs.length; core++) {
      this.coreFreeMs[core] = Math.max(nowMs, this.coreFreeMs[core] as number) + burstMs;
      this.coreBusyMs[core] = (this.coreBusyMs[core] as number) + burstMs;
    }
  }

  /** Takes the disk for so long; returns when it is done. */
  useDisk(nowMs: number, serviceMs: number): number {
    this.diskFreeMs = Math.max(this.diskFreeMs, nowMs) + serviceMs;
    this.diskBusyMs += serviceMs;
    return this.diskFreeMs;
  }

  /** Shares the cache out in proportion to what each wants; bursts become longer by what then misses. */
  shareCache(): void {
    const wanted = this.replicas.reduce((sum, { service }) => sum + service.llcMb, 0);
    const share = Math.min(1, (this.llcMb * (1 - this.strangerLlcShare)) / wanted);
    for (const replica of this.replicas) {
      replica.llcHeldMb = replica.service.llcMb * share;
      replica.missShare = LEAST_MISSES + (1 - LEAST_MISSES) * (1 - share);
      replica.cacheSlowdown = 1 + replica.service.llcPenalty * (1 - share);
    }
  }

  /** Brings the account of low-priority work, which takes only what is idle, up to now. */
  settle(nowMs: number): void {
    const elapsedMs = nowMs - this.settledMs;
    this.settledMs = nowMs;
    const wanted = this.replicas.reduce((sum, { scavengerShare }) => sum + scavengerShare, 0);
    const share = Math.min(1, wanted);
    let takenMs = 0;
    for (let core = 0; core < this.coreBusyMs.length; core++) {
      const busyMs = this.coreBusyMs[core] as number;
      const idleMs = Math.max(0, elapsedMs - busyMs + (this.settledBusyMs[core] as number));
      this.coreScavengedMs[core] = (this.coreScavengedMs[core] as number) + share * idleMs;
      this.settledBusyMs[core] = busyMs;
      takenMs += share * idleMs;
    }
    if (takenMs === 0) return;
    for (const { counters, scavengerShare } of this.replicas) {
      counters.cpuMs += (takenMs * scavengerShare) / wanted;
    }
  }
}
