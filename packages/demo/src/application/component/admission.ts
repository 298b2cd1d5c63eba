/** A service's own bound: so many requests at once, so many waiting, the rest refused. */
export class Admission {
  readonly #concurrency: number;
  readonly #queueLimit: number;
  #running = 0;
  #refused = 0;
  readonly #queue: (() => void)[] = [];

  constructor(options: { readonly concurrency: number; readonly queue: number }) {
    this.#concurrency = options.concurrency;
    this.#queueLimit = options.queue;
  }

  /** false: refused, the queue is full. Otherwise it is the caller's turn, and `leave` is due afterwards. */
  async enter(): Promise<boolean> {
    if (this.#running < this.#concurrency) {
      this.#running += 1;
      return true;
    }
    if (this.#queue.length >= this.#queueLimit) {
      this.#refused += 1;
      return false;
    }
    await new Promise<void>((resolve) => this.#queue.push(resolve));
    return true;
  }

  leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  get refused(): number {
    return this.#refused;
  }
}
