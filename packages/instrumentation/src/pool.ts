import { failure, type Outcome, success } from '@sage/core';

export interface PoolOptions {
  readonly name: string;
  /** Connections that may be out at once; `resize` changes it at run time. */
  readonly size: number;
  /** How long a caller waits for a connection. Default 5000. */
  readonly acquireTimeoutMs?: number;
  /** Callers that may wait at once; one more is turned away. Default 1024. */
  readonly maxPending?: number;
  /** Called at each successful checkout with the time waited, in seconds. */
  readonly onWait?: (seconds: number) => void;
  /** A monotonic clock in milliseconds. */
  readonly nowMs?: () => number;
}

export type PoolFailure = 'timeout' | 'queue-full' | 'closed';

export interface Lease {
  /** Gives the connection back; a second call does nothing. */
  release(): void;
}

export interface PoolState {
  readonly pool: string;
  readonly size: number;
  readonly inUse: number;
  readonly pending: number;
}

interface Waiter {
  readonly sinceMs: number;
  readonly timer: NodeJS.Timeout;
  settle(outcome: Outcome<Lease, PoolFailure>): void;
}

/** A bounded pool of connections, served first come first served: what database drivers keep per server. */
export class Pool {
  readonly name: string;
  readonly #options: Required<Omit<PoolOptions, 'name' | 'size'>>;
  #size: number;
  #inUse = 0;
  #closed = false;
  readonly #waiters = new Set<Waiter>();
  #pendingArea = 0;
  #areaFromMs: number;
  #areaSinceMs: number;

  constructor(options: PoolOptions) {
    this.name = options.name;
    this.#size = checkSize(options.name, options.size);
    this.#options = {
      acquireTimeoutMs: options.acquireTimeoutMs ?? 5000,
      maxPending: options.maxPending ?? 1024,
      onWait: options.onWait ?? (() => {}),
      nowMs: options.nowMs ?? (() => performance.now()),
    };
    this.#areaFromMs = this.#options.nowMs();
    this.#areaSinceMs = this.#areaFromMs;
  }

  acquire(): Promise<Outcome<Lease, PoolFailure>> {
    if (this.#closed) return Promise.resolve(failure('closed', `pool ${this.name} is closed`));
    if (this.#inUse < this.#size && this.#waiters.size === 0) {
      this.#options.onWait(0);
      return Promise.resolve(success(this.#lease()));
    }
    if (this.#waiters.size >= this.#options.maxPending) {
      const message = `pool ${this.name}: ${this.#waiters.size} callers are already waiting`;
      return Promise.resolve(failure('queue-full', message));
    }
    return new Promise((resolve) => {
      this.#account();
      const waiter: Waiter = {
        sinceMs: this.#options.nowMs(),
        timer: setTimeout(() => this.#expire(waiter), this.#options.acquireTimeoutMs),
        settle: resolve,
      };
      this.#waiters.add(waiter);
    });
  }

  /** Waiters are served at once when the pool grows; when it shrinks, connections leave as they come back. */
  resize(size: number): void {
    this.#size = checkSize(this.name, size);
    this.#serve();
  }

  state(): PoolState {
    return { pool: this.name, size: this.#size, inUse: this.#inUse, pending: this.#waiters.size };
  }

  /** Mean number of waiting callers since the last call: an instant reading would miss short queues. */
  takeMeanPending(): number {
    this.#account();
    const elapsedMs = this.#areaSinceMs - this.#areaFromMs;
    const mean = elapsedMs > 0 ? this.#pendingArea / elapsedMs : this.#waiters.size;
    this.#pendingArea = 0;
    this.#areaFromMs = this.#areaSinceMs;
    return mean;
  }

  /** Fails all waiters; connections that are out may still be given back. */
  close(): void {
    this.#closed = true;
    this.#account();
    for (const waiter of this.#waiters) {
      clearTimeout(waiter.timer);
      waiter.settle(failure('closed', `pool ${this.name} was closed`));
    }
    this.#waiters.clear();
  }

  #lease(): Lease {
    this.#inUse += 1;
    let out = true;
    return {
      release: () => {
        if (!out) return;
        out = false;
        this.#inUse -= 1;
        this.#serve();
      },
    };
  }

  #serve(): void {
    this.#account();
    for (const waiter of this.#waiters) {
      if (this.#inUse >= this.#size) return;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      this.#options.onWait((this.#options.nowMs() - waiter.sinceMs) / 1000);
      waiter.settle(success(this.#lease()));
    }
  }

  #expire(waiter: Waiter): void {
    this.#account();
    this.#waiters.delete(waiter);
    const seconds = this.#options.acquireTimeoutMs / 1000;
    waiter.settle(failure('timeout', `pool ${this.name}: no connection came free within ${seconds} s`));
  }

  /** Adds up pending × time until now; to be called before the number of waiters changes. */
  #account(): void {
    const nowMs = this.#options.nowMs();
    this.#pendingArea += this.#waiters.size * (nowMs - this.#areaSinceMs);
    this.#areaSinceMs = nowMs;
  }
}

function checkSize(name: string, size: number): number {
  if (Number.isInteger(size) && size >= 1) return size;
  throw new RangeError(`pool ${name}: size must be a whole number from 1 up, got ${size}`);
}
