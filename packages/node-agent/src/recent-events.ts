/** Moments of the last while: what a rate is counted by. Bounded by whoever stops adding at a limit. */
export class RecentEvents {
  readonly #withinMs: number;
  #timesMs: number[] = [];

  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  add(nowMs: number): void {
    this.#timesMs.push(nowMs);
  }

  count(nowMs: number): number {
    // A clock that was set back has no say over what is still to come.
    this.#timesMs = this.#timesMs.filter((atMs) => atMs > nowMs - this.#withinMs && atMs <= nowMs);
    return this.#timesMs.length;
  }

  /** Until the oldest is forgotten; 0 where there is none. */
  waitMs(nowMs: number): number {
    const oldest = this.#timesMs[0];
    return oldest === undefined ? 0 : Math.max(0, oldest + this.#withinMs - nowMs);
  }
}
