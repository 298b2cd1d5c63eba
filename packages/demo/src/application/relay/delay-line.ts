/** Delays jitter by up to this share of the delay, so that no two chunks keep step. */
const JITTER = 0.1;

export interface DelayLineOptions {
  /** Read for every chunk: it may change at any time. */
  readonly delayMs: () => number;
  readonly uniform: () => number;
  readonly nowMs: () => number;
  readonly deliver: (chunk: Buffer) => void;
}

/** Hands chunks on after a delay, in the order in which they came. */
export class DelayLine {
  readonly #options: DelayLineOptions;
  readonly #queue: { readonly dueMs: number; readonly chunk: Buffer }[] = [];
  #lastDueMs = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: DelayLineOptions) {
    this.#options = options;
  }

  /** Bytes that wait. Whoever feeds the line stops at its own limit. */
  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    const { delayMs, uniform, nowMs, deliver } = this.#options;
    const delay = delayMs();
    if (delay === 0 && this.#queue.length === 0) {
      deliver(chunk);
      return;
    }
    const dueMs = Math.max(this.#lastDueMs, nowMs() + delay * (1 + JITTER * (2 * uniform() - 1)));
    this.#lastDueMs = dueMs;
    this.#queue.push({ dueMs, chunk });
    this.#bytes += chunk.length;
    this.#arm();
  }

  /** Calls back once nothing waits any more. */
  whenEmpty(callback: () => void): void {
    if (this.#queue.length === 0) callback();
    else this.#onEmpty = callback;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue.length = 0;
    this.#bytes = 0;
  }

  #arm(): void {
    const first = this.#queue[0];
    if (this.#timer !== undefined || first === undefined) return;
    const waitMs = Math.max(0, first.dueMs - this.#options.nowMs());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#deliverDue();
    }, waitMs);
  }

  #deliverDue(): void {
    const nowMs = this.#options.nowMs();
    for (let first = this.#queue[0]; first !== undefined && first.dueMs <= nowMs; first = this.#queue[0]) {
      this.#queue.shift();
      this.#bytes -= first.chunk.length;
      this.#options.deliver(first.chunk);
    }
    this.#arm();
    if (this.#queue.length === 0) {
      const done = this.#onEmpty;
      this.#onEmpty = undefined;
      done?.();
    }
  }
}
