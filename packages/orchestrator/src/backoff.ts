import { setTimeout as after } from 'node:timers/promises';
import type { Rng } from '@sage/core';

const DEFAULT_FIRST_MS = 500;
const DOUBLINGS = 6;
const LONGEST = 60;

/**
 * Pauses that double, each drawn from the upper half of what it may be: many that were refused together do not come
 * back together, and none comes back at once.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #rng: Rng;
  #failures = 0;

  constructor(rng: Rng, firstMs = DEFAULT_FIRST_MS) {
    this.#rng = rng;
    this.#firstMs = firstMs;
  }

  /** After a success the next pause is the first again. */
  reset(): void {
    this.#failures = 0;
  }

  /** How long to wait now, ms. What the other side asks for is the least. */
  nextMs(askedMs = 0): number {
    const doubled = this.#firstMs * Math.min(2 ** Math.min(this.#failures, DOUBLINGS), LONGEST);
    this.#failures++;
    return askedMs + doubled * (0.5 + this.#rng.uniform() / 2);
  }
}

/** Ends early, and without an error, when it is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await after(ms, undefined, { signal }).catch(() => undefined);
}
