export interface HeldOut<T> {
  readonly training: readonly T[];
  readonly heldOut: readonly T[];
}

const ITEMS_PER_STRETCH = 200;
const MOST_STRETCHES = 5;

/**
 * Holds out the last fifth of each of up to five stretches of time, so that what is judged by is of all parts of the day.
 * Stretches are long, because windows overlap and neighbours are much alike.
 */
export function holdOut<T>(items: readonly T[]): HeldOut<T> {
  const stretches = Math.min(MOST_STRETCHES, Math.max(1, Math.floor(items.length / ITEMS_PER_STRETCH)));
  const training: T[] = [];
  const heldOut: T[] = [];
  for (let i = 0; i < stretches; i++) {
    const from = Math.floor((i * items.length) / stretches);
    const to = Math.floor(((i + 1) * items.length) / stretches);
    const cut = to - Math.max(4, Math.round(0.2 * (to - from)));
    training.push(...items.slice(from, cut));
    heldOut.push(...items.slice(cut, to));
  }
  return { training, heldOut };
}
