import type { Rng } from '@sage/core';

/** Fisher and Yates, in place. */
export function shuffle(items: number[], rng: Rng): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = rng.integer(i + 1);
    [items[i], items[j]] = [items[j] as number, items[i] as number];
  }
}
