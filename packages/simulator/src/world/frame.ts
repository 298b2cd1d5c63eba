import type { ConnectionPool } from './connection-pool.js';
import type { Call, Program } from './program.js';
import type { Replica } from './replica.js';

/** One request from outside. */
export interface Request {
  /** Index of the endpoint. */
  readonly endpoint: number;
  readonly startMs: number;
  /** Undefined where the request is not sampled: then no span is built. */
  readonly traceId: string | undefined;
  arrivals: number;
}

/**
 * One strand of work: the handling of a call, or one branch of it that runs beside others. Frames are used again, so
 * that no garbage is made per call.
 */
export class Frame {
  program: Program = [];
  step = 0;
  /** Who waits for the end: the caller, or the strand that forked. Undefined: nobody does. */
  parent: Frame | undefined;
  /** Strands that were forked and have not ended. */
  pending = 0;
  request!: Request;
  replica!: Replica;
  /** The call that is handled; undefined for a strand. */
  call: Call | undefined;
  /** Connection that the call came over. */
  pool: ConnectionPool | undefined;
  failed = false;
  burstMs = 0;
  clientStartMs = 0;
  serverStartMs = 0;
  /** Numbers of the span that encloses what is done here, of the call's client span, and of its server span's parent; 0: none. */
  spanId = 0;
  clientSpanId = 0;
  serverParentId = 0;
  // Neighbours in the one queue that a frame can be in.
  next: Frame | undefined;
  previous: Frame | undefined;
  queuedMs = -1;

  constructor(readonly id: number) {}
}

/** A queue of frames that one may leave from the middle. */
export class FrameQueue {
  first: Frame | undefined;
  private last: Frame | undefined;
  size = 0;

  add(frame: Frame, nowMs: number): void {
    frame.queuedMs = nowMs;
    frame.previous = this.last;
    frame.next = undefined;
    if (this.last === undefined) this.first = frame;
    else this.last.next = frame;
    this.last = frame;
    this.size += 1;
  }

  take(): Frame | undefined {
    const frame = this.first;
    if (frame !== undefined) this.remove(frame);
    return frame;
  }

  remove(frame: Frame): void {
    if (frame.previous === undefined) this.first = frame.next;
    else frame.previous.next = frame.next;
    if (frame.next === undefined) this.last = frame.previous;
    else frame.next.previous = frame.previous;
    frame.next = undefined;
    frame.previous = undefined;
    frame.queuedMs = -1;
    this.size -= 1;
  }
}

/** Frames by their number, and those that are free. */
export class FrameStore {
  private readonly all: Frame[] = [];
  private readonly free: Frame[] = [];

  get inUse(): number {
    return this.all.length - this.free.length;
  }

  at(id: number): Frame {
    return this.all[id] as Frame;
  }

  take(request: Request, replica: Replica, program: Program, parent: Frame | undefined): Frame {
    let frame = this.free.pop();
    if (frame === undefined) {
      frame = new Frame(this.all.length);
      this.all.push(frame);
    }
    frame.program = program;
    frame.step = 0;
    frame.parent = parent;
    frame.pending = 0;
    frame.request = request;
    frame.replica = replica;
    frame.call = undefined;
    frame.pool = undefined;
    frame.failed = false;
    frame.spanId = 0;
    frame.clientSpanId = 0;
    frame.serverParentId = 0;
    return frame;
  }

  give(frame: Frame): void {
    frame.parent = undefined;
    this.free.push(frame);
  }
}
