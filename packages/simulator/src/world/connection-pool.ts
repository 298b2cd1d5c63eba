import { type Frame, FrameQueue } from './frame.js';

/** Connections of one replica to one service. A call that finds none free waits in line. */
export class ConnectionPool {
  readonly waiting = new FrameQueue();
  used = 0;
  // What faults turn: connections there are, how long one stays away after its call, how many are lost and how long.
  size: number;
  lateMs = 0;
  leakShare = 0;
  leakMs = 0;
  // Since the last scrape.
  private pendingMs = 0;
  private pendingSinceMs = 0;
  private scrapedMs = 0;
  private waitedMs = 0;
  private taken = 0;
  // Since the beginning, without the time of faults.
  private usedMs = 0;
  private usedSinceMs = 0;
  private usualMs = 0;
  private usualCalls = 0;
  private calm = true;

  constructor(
    readonly index: number,
    readonly name: string,
    readonly max: number,
    readonly waitMs: number,
  ) {
    this.size = max;
  }

  /** As many connections to the same service, of another replica. */
  another(index: number): ConnectionPool {
    return new ConnectionPool(index, this.name, this.max, this.waitMs);
  }

  /** True: the call has its connection. False: it waits. */
  take(frame: Frame, nowMs: number): boolean {
    this.taken += 1;
    this.accountUse(nowMs);
    if (this.calm) this.usualCalls += 1;
    if (this.used < this.size) {
      this.used += 1;
      return true;
    }
    this.account(nowMs);
    this.waiting.add(frame, nowMs);
    return false;
  }

  /** A connection is free again; returns who takes it. */
  give(nowMs: number): Frame | undefined {
    this.accountUse(nowMs);
    this.used -= 1;
    return this.next(nowMs);
  }

  /** The next in line, if there is a connection for it. */
  next(nowMs: number): Frame | undefined {
    if (this.waiting.size === 0 || this.used >= this.size) return undefined;
    this.account(nowMs);
    const frame = this.waiting.first as Frame;
    this.waitedMs += nowMs - frame.queuedMs;
    this.waiting.remove(frame);
    this.used += 1;
    return frame;
  }

  giveUp(frame: Frame, nowMs: number): void {
    this.account(nowMs);
    this.waitedMs += nowMs - frame.queuedMs;
    this.waiting.remove(frame);
  }

  /** Mean number of calls waiting and mean wait in milliseconds since the last scrape. */
  scrape(nowMs: number): { readonly pending: number; readonly waitMs: number } {
    this.account(nowMs);
    const elapsedMs = nowMs - this.scrapedMs;
    const pending = elapsedMs > 0 ? this.pendingMs / elapsedMs : 0;
    const waitMs = this.taken === 0 ? 0 : this.waitedMs / this.taken;
    this.scrapedMs = nowMs;
    this.pendingMs = 0;
    this.waitedMs = 0;
    this.taken = 0;
    return { pending, waitMs };
  }

  /** What is seen from now on is usual, or it is not. */
  watch(calm: boolean, nowMs: number): void {
    this.accountUse(nowMs);
    this.calm = calm;
  }

  /** Connections in use on average and calls per millisecond, over the time without any fault. */
  usualUse(): { readonly connections: number; readonly callsPerMs: number } {
    if (this.usualMs === 0) return { connections: 0, callsPerMs: 0 };
    return { connections: this.usedMs / this.usualMs, callsPerMs: this.usualCalls / this.usualMs };
  }

  private accountUse(nowMs: number): void {
    if (this.calm) {
      this.usedMs += this.used * (nowMs - this.usedSinceMs);
      this.usualMs += nowMs - this.usedSinceMs;
    }
    this.usedSinceMs = nowMs;
  }

  private account(nowMs: number): void {
    this.pendingMs += this.waiting.size * (nowMs - this.pendingSinceMs);
    this.pendingSinceMs = nowMs;
  }
}
