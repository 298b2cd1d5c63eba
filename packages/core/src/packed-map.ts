/** Keys in the order in which they came. Each keeps its row, so that maps of many windows can share them. */
export class Keys<K> {
  readonly #rows = new Map<K, number>();
  readonly #keys: K[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** The row of a key, the next one where it is new. */
  add(key: K): number {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#keys.length;
      this.#rows.set(key, row);
      this.#keys.push(key);
    }
    return row;
  }

  row(key: K): number | undefined {
    return this.#rows.get(key);
  }

  /** Of a row below `size`. */
  key(row: number): K {
    return this.#keys[row] as K;
  }
}

/** A map whose keys others share and whose values lie in columns: to a garbage collector it is one object. */
export class PackedMap<K, V> implements ReadonlyMap<K, V> {
  readonly #keys: Keys<K>;
  readonly #count: number;
  readonly #read: (row: number) => V | undefined;
  #size: number | undefined;

  /** `count`: rows that can have a value; keys that came later have none. `read`: undefined where a row has none. */
  constructor(keys: Keys<K>, count: number, read: (row: number) => V | undefined) {
    this.#keys = keys;
    this.#count = count;
    this.#read = read;
  }

  /** What compares maps then compares what is in it, which it keeps to itself. */
  get [Symbol.toStringTag](): string {
    return 'Map';
  }

  get size(): number {
    if (this.#size === undefined) {
      this.#size = 0;
      for (let row = 0; row < this.#count; row++) if (this.#read(row) !== undefined) this.#size++;
    }
    return this.#size;
  }

  get(key: K): V | undefined {
    const row = this.#keys.row(key);
    return row === undefined || row >= this.#count ? undefined : this.#read(row);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this.entries()) callback.call(thisArg, value, key, this);
  }

  *entries(): Generator<[K, V], undefined> {
    for (let row = 0; row < this.#count; row++) {
      const value = this.#read(row);
      if (value !== undefined) yield [this.#keys.key(row), value];
    }
  }

  *keys(): Generator<K, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }
}
