import type { Rng } from '@sage/core';
import type { ConnectionPool } from './connection-pool.js';
import { EVENT, type EventHeap } from './event-heap.js';
import { type Frame, FrameStore, type Request } from './frame.js';
import type { Network } from './network.js';
import type { Call, Program } from './program.js';
import type { Replica } from './replica.js';

/** Told of what is done for sampled requests; makes spans of it. */
export interface Tracer {
  /** The handling of a call begins: spans within it have this parent. */
  serverStarts(frame: Frame): void;
  serverEnds(frame: Frame, endMs: number): void;
  clientStarts(frame: Frame): void;
  clientEnds(frame: Frame, endMs: number): void;
}

export interface EngineParts {
  readonly heap: EventHeap;
  readonly network: Network;
  readonly tracer: Tracer;
  readonly rng: Rng;
  /** Replicas by the index of their service. */
  readonly replicas: readonly (readonly Replica[])[];
  readonly pools: readonly ConnectionPool[];
}

/** Cache accesses of a millisecond of processor time. */
const CACHE_ACCESSES_PER_MS = 4000;
/** Pages of its working set that a call touches, and what reading one back takes. */
const pagesPerCall = (memoryMb: number) => 2.5 * Math.sqrt(memoryMb);
const PAGE_READ_MS = 0.3;
/** Now and then the kernel has to write pages out before it can read one. */
const RECLAIM_SHARE = 0.02;
const RECLAIM_MS = 8;
const PAGE_BYTES = 4096;
const DISK_BYTES = 16_384;

/** Runs the programs of calls: who waits for whom, and for what. Knows neither load nor faults. */
export class Engine {
  readonly frames = new FrameStore();
  completed = 0;
  failed = 0;
  /** Sum of the latencies of what completed. */
  latencyMs = 0;
  private nowMs = 0;
  private readonly turns: Int32Array;
  private readonly logMean: Float64Array;
  private readonly logDeviation: Float64Array;

  constructor(private readonly parts: EngineParts) {
    const services = parts.replicas.map((replicas) => (replicas[0] as Replica).service);
    this.turns = new Int32Array(services.length);
    // Log-normal service times by mean and coefficient of variation.
    this.logDeviation = Float64Array.from(services, ({ cpuVariation }) =>
      Math.sqrt(Math.log(1 + cpuVariation ** 2)),
    );
    this.logMean = Float64Array.from(
      services,
      ({ cpuMs }, index) => Math.log(Math.max(cpuMs, 1e-6)) - (this.logDeviation[index] as number) ** 2 / 2,
    );
  }

  /** A request from outside arrives at its entry. */
  start(request: Request, call: Call, nowMs: number): void {
    this.nowMs = nowMs;
    const frame = this.frames.take(request, this.nextReplica(call.service), call.program, undefined);
    frame.call = call;
    frame.replica.outstanding += 1;
    this.reach(frame);
  }

  handle(kind: number, id: number, nowMs: number): void {
    this.nowMs = nowMs;
    if (kind === EVENT.poolReclaim) this.freeConnection(this.parts.pools[id] as ConnectionPool);
    else this.advance(kind, this.frames.at(id));
  }

  /** Serves those who wait for a pool that has become larger. */
  poolChanged(pool: ConnectionPool, nowMs: number): void {
    this.nowMs = nowMs;
    for (let frame = pool.next(nowMs); frame !== undefined; frame = pool.next(nowMs)) this.dispatch(frame);
  }

  private advance(kind: number, frame: Frame): void {
    if (kind === EVENT.run) this.run(frame);
    else if (kind === EVENT.reach) this.reach(frame);
    else if (kind === EVENT.reply) this.replied(frame);
    else if (kind === EVENT.burst) this.occupy(frame);
    else if (kind === EVENT.poolTimeout) this.giveUp(frame);
  }

  private nextReplica(service: number): Replica {
    const replicas = this.parts.replicas[service] as readonly Replica[];
    const next = this.turns[service] as number;
    // There may be fewer of them than at the last turn.
    const turn = next < replicas.length ? next : 0;
    this.turns[service] = turn + 1 < replicas.length ? turn + 1 : 0;
    return replicas[turn] as Replica;
  }

  private reach(frame: Frame): void {
    const { replica } = frame;
    const { workers } = replica.service;
    if (workers !== null && replica.busyWorkers >= workers) replica.waiting.add(frame, this.nowMs);
    else this.begin(frame);
  }

  private begin(frame: Frame): void {
    const { replica } = frame;
    replica.busyWorkers += 1;
    frame.serverStartMs = this.nowMs;
    if (frame.request.traceId !== undefined) this.parts.tracer.serverStarts(frame);
    if (replica.lockHoldMs > 0) {
      const lockedMs = Math.max(this.nowMs, replica.lockFreeMs);
      replica.lockFreeMs = lockedMs + replica.lockHoldMs;
      this.parts.heap.push(replica.lockFreeMs, EVENT.run, frame.id);
      return;
    }
    this.run(frame);
  }

  /** Goes on until the frame has to wait for something. */
  private run(frame: Frame): void {
    const { program } = frame;
    while (!frame.failed && frame.step < program.length) {
      const step = program[frame.step] as Program[number];
      frame.step += 1;
      switch (step.op) {
        case 'cpu':
          this.compute(frame, step.share);
          return;
        case 'call':
          this.callOut(frame, step.call);
          return;
        case 'disk':
          if (this.useDisk(frame)) return;
          break;
        case 'branch':
          if (this.parts.rng.uniform() >= step.p) frame.step = step.target;
          break;
        case 'jump':
          frame.step = step.target;
          break;
        case 'last':
          frame.request.arrivals += 1;
          if (frame.request.arrivals % step.of !== 0) frame.step = step.target;
          break;
        case 'async':
          this.run(this.fork(frame, step.strand, undefined));
          break;
        case 'par': {
          // One more than strands: those that end at once must not resume a frame that still forks.
          frame.pending = step.strands.length + 1;
          for (const strand of step.strands) this.run(this.fork(frame, strand, frame));
          frame.pending -= 1;
          if (frame.pending > 0) return;
        }
      }
    }
    this.end(frame);
  }

  private fork(frame: Frame, program: Program, parent: Frame | undefined): Frame {
    const strand = this.frames.take(frame.request, frame.replica, program, parent);
    strand.spanId = frame.spanId;
    return strand;
  }

  private end(frame: Frame): void {
    const { parent } = frame;
    if (frame.call !== undefined) {
      this.endCall(frame, frame.call);
      return;
    }
    const { failed } = frame;
    this.frames.give(frame);
    if (parent === undefined) return;
    if (failed) parent.failed = true;
    parent.pending -= 1;
    if (parent.pending === 0) this.run(parent);
  }

  private endCall(frame: Frame, call: Call): void {
    const { replica, parent } = frame;
    const { heap, network, tracer } = this.parts;
    if (frame.request.traceId !== undefined) tracer.serverEnds(frame, this.nowMs);
    const { afterMs } = replica.service;
    if (afterMs > 0) {
      const burstMs = afterMs * replica.cacheSlowdown;
      this.charge(replica, burstMs);
      replica.quotaStart(this.nowMs, burstMs);
      replica.host.occupy(this.nowMs, burstMs);
    }
    if (parent === undefined) {
      replica.outstanding -= 1;
      this.completed += 1;
      if (frame.failed) this.failed += 1;
      this.latencyMs += this.nowMs - frame.request.startMs;
      this.frames.give(frame);
    } else {
      heap.push(network.send(replica, parent.replica, call.replyBytes, this.nowMs), EVENT.reply, frame.id);
    }
    replica.busyWorkers -= 1;
    const next = replica.waiting.take();
    if (next !== undefined) this.begin(next);
  }

  private callOut(parent: Frame, call: Call): void {
    const frame = this.frames.take(parent.request, this.nextReplica(call.service), call.program, parent);
    const pool = parent.replica.pools[call.service];
    frame.call = call;
    frame.pool = pool;
    frame.spanId = parent.spanId;
    frame.clientStartMs = this.nowMs;
    if (frame.request.traceId !== undefined) this.parts.tracer.clientStarts(frame);
    if (pool === undefined || pool.take(frame, this.nowMs)) this.dispatch(frame);
    else if (pool.waitMs < Number.POSITIVE_INFINITY) {
      this.parts.heap.push(this.nowMs + pool.waitMs, EVENT.poolTimeout, frame.id);
    }
  }

  private dispatch(frame: Frame): void {
    const from = (frame.parent as Frame).replica;
    frame.replica.outstanding += 1;
    const reachMs = this.parts.network.send(
      from,
      frame.replica,
      (frame.call as Call).requestBytes,
      this.nowMs,
    );
    this.parts.heap.push(reachMs, EVENT.reach, frame.id);
  }

  private giveUp(frame: Frame): void {
    const { pool } = frame;
    // The frame may long have had its connection, or be another call's by now.
    if (pool === undefined || frame.queuedMs < 0 || frame.queuedMs + pool.waitMs !== this.nowMs) return;
    pool.giveUp(frame, this.nowMs);
    frame.failed = true;
    this.resumeCaller(frame);
  }

  private replied(frame: Frame): void {
    const { pool } = frame;
    frame.replica.outstanding -= 1;
    if (pool !== undefined) {
      const lateMs = pool.lateMs > 0 ? pool.lateMs : pool.leakShare > 0 ? this.leakedMs(pool) : 0;
      if (lateMs > 0) this.parts.heap.push(this.nowMs + lateMs, EVENT.poolReclaim, pool.index);
      else this.freeConnection(pool);
    }
    this.resumeCaller(frame);
  }

  private leakedMs({ leakShare, leakMs }: ConnectionPool): number {
    return this.parts.rng.uniform() < leakShare ? leakMs : 0;
  }

  private freeConnection(pool: ConnectionPool): void {
    const next = pool.give(this.nowMs);
    if (next !== undefined) this.dispatch(next);
  }

  private resumeCaller(frame: Frame): void {
    const parent = frame.parent as Frame;
    if (frame.request.traceId !== undefined) this.parts.tracer.clientEnds(frame, this.nowMs);
    if (frame.failed) parent.failed = true;
    this.frames.give(frame);
    this.run(parent);
  }

  /** A burst of processor time: pages that are not in memory first, then the quota, then a core. */
  private compute(frame: Frame, share: number): void {
    const { replica } = frame;
    const { rng, heap } = this.parts;
    const service = replica.serviceIndex;
    const drawn = Math.exp(
      (this.logMean[service] as number) + (this.logDeviation[service] as number) * rng.normal(),
    );
    frame.burstMs = share * drawn * replica.cacheSlowdown;
    this.charge(replica, frame.burstMs);
    const deficit = replica.memoryDeficit;
    const readyMs =
      deficit > 0
        ? this.readPages(replica, deficit * pagesPerCall(replica.workingSetMb) * share)
        : this.nowMs;
    const startMs = replica.quotaStart(readyMs, frame.burstMs);
    replica.counters.throttledMs += startMs - readyMs;
    if (startMs > this.nowMs) heap.push(startMs, EVENT.burst, frame.id);
    else this.occupy(frame);
  }

  private charge({ counters, missShare }: Replica, burstMs: number): void {
    counters.cpuMs += burstMs;
    counters.cacheMisses += burstMs * CACHE_ACCESSES_PER_MS * missShare;
  }

  private occupy(frame: Frame): void {
    const { replica, burstMs } = frame;
    const startMs = replica.host.occupy(this.nowMs, burstMs);
    if (startMs > this.nowMs) {
      replica.counters.runqueueMs += startMs - this.nowMs;
      replica.counters.cpuPressure.add(this.nowMs, startMs);
    }
    this.parts.heap.push(startMs + burstMs, EVENT.run, frame.id);
  }

  private readPages(replica: Replica, expected: number): number {
    const { rng } = this.parts;
    let doneMs = this.nowMs;
    for (let left = expected; left > 0; left -= 1) {
      if (left < 1 && rng.uniform() >= left) break;
      const reclaimMs = rng.uniform() < RECLAIM_SHARE ? rng.exponential(RECLAIM_MS) : 0;
      doneMs = replica.host.useDisk(doneMs, reclaimMs + rng.exponential(PAGE_READ_MS));
      replica.counters.majorFaults += 1;
      replica.counters.readBytes += PAGE_BYTES;
    }
    replica.counters.memoryPressure.add(this.nowMs, doneMs);
    replica.counters.diskPressure.add(this.nowMs, doneMs);
    return doneMs;
  }

  /** True: the frame waits for the disk. */
  private useDisk(frame: Frame): boolean {
    const { replica } = frame;
    const { diskMs, diskShare } = replica.service;
    const { rng, heap } = this.parts;
    if (rng.uniform() >= diskShare) return false;
    const doneMs = replica.host.useDisk(this.nowMs, rng.exponential(diskMs));
    replica.counters.writtenBytes += DISK_BYTES;
    replica.counters.diskPressure.add(this.nowMs, doneMs);
    heap.push(doneMs, EVENT.run, frame.id);
    return true;
  }
}
