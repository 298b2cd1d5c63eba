import { failure, type Outcome, success } from '@sage/core';

/** One task at a time, in order, with a bound on those that wait. */
export class SerialQueue {
  readonly #limit: number;
  #waiting = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Settles once everything accepted so far is done. */
  async drain(): Promise<void> {
    await this.#tail;
  }

  async run<T>(task: () => Promise<T>): Promise<Outcome<T, 'busy'>> {
    if (this.#waiting >= this.#limit)
      return failure('busy', `${this.#limit} changes wait already: try again`);
    this.#waiting++;
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    try {
      return success(await result);
    } finally {
      this.#waiting--;
    }
  }
}
