import type { Rng } from './random.js';

/** A copy in an order drawn, every order as likely (Fisher and Yates 1938). */
export function shuffled<T>(items: readonly T[], rng: Rng): readonly T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = rng.integer(i + 1);
    [order[i], order[j]] = [order[j] as T, order[i] as T];
  }
  return order;
}
