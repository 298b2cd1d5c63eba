/**
 * A map that remembers the latest entries: at least half of `most` of them, never more than `most`. Entries leave by
 * generations, because taking the oldest out of a Map one by one walks over the places of all that left before.
 */
export class RecentMap<Key, Value> {
  readonly #mostInGeneration: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  constructor(most: number) {
    this.#mostInGeneration = Math.floor(most / 2);
  }

  get(key: Key): Value | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#mostInGeneration && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
