import type { FeatureName, LatencyNodeId, Percentile, Window } from '@sage/core';

/** One thing, or all features of one service, as read of the windows in each row. */
interface Block<T> {
  /** [row]: the number of the window that was read. */
  readonly read: Uint32Array;
  readonly values: T;
}

/** Where a window's readings are kept, as long as nothing else has taken the row. */
interface Place {
  readonly row: number;
  /** Windows are numbered from 1 on as they come. */
  readonly number: number;
}

/**
 * Of the windows that were chosen, values in the order of those that have one. They are handed out in one place for all of
 * them, to be put into any order there, and are good until the next are asked for.
 */
export interface ChosenColumns {
  /** Visits the finite values of each of a service's features; there are none where none of these windows has one. */
  eachFeature(service: string, visit: (feature: FeatureName, values: Float64Array) => void): void;
  latency(node: LatencyNodeId, percentile: Percentile): Float64Array;
}

/**
 * Readings of many windows side by side. Of each only what is asked for is looked up, by its name, and only once: one
 * diagnosis has nearly all windows in common with the next, and what it then takes is a walk through an array.
 */
export class WindowColumns {
  readonly #capacity: number;
  /** Weak: a history that forgets a window shall not have it kept here. */
  readonly #places = new WeakMap<Window, Place>();
  /** [row]: the number of the window that has it… */
  readonly #numbers: Uint32Array;
  /** …and when it was asked for last. */
  readonly #lastAsked: Uint32Array;
  /** What is handed out. */
  readonly #chosen: Float64Array;
  #came = 0;
  #asked = 0;
  #next = 0;
  readonly #services = new Map<string, Block<Map<FeatureName, Float64Array>>>();
  readonly #latency = new Map<Percentile, Map<LatencyNodeId, Block<Float64Array>>>();

  /** `capacity`: windows kept, at least as many as are asked for at once. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#numbers = new Uint32Array(capacity);
    this.#lastAsked = new Uint32Array(capacity);
    this.#chosen = new Float64Array(capacity);
  }

  of(windows: readonly Window[]): ChosenColumns {
    if (windows.length > this.#capacity) {
      throw new RangeError(`${windows.length} windows do not fit into ${this.#capacity} rows`);
    }
    let rows: readonly number[] = [];
    let asked = -1;
    const placed = (): readonly number[] => {
      // Others that were asked for meanwhile may have taken their rows.
      if (asked !== this.#asked) {
        rows = this.#place(windows);
        asked = this.#asked;
      }
      return rows;
    };
    return {
      eachFeature: (service, visit) => {
        for (const [feature, column] of this.#readService(service, windows, placed())) {
          visit(feature, this.#choose(column, rows));
        }
      },
      latency: (node, percentile) =>
        this.#choose(this.#readLatency({ node, percentile }, windows, placed()), rows),
    };
  }

  #choose(column: Float64Array, rows: readonly number[]): Float64Array {
    const values = this.#chosen;
    let length = 0;
    for (let i = 0; i < rows.length; i++) {
      const value = column[rows[i] as number] as number;
      if (!Number.isNaN(value)) values[length++] = value;
    }
    return values.subarray(0, length);
  }

  #place(windows: readonly Window[]): readonly number[] {
    this.#asked++;
    const known = windows.map((window) => this.#known(window));
    return windows.map((window, i) => known[i] ?? this.#take(window));
  }

  #known(window: Window): number | undefined {
    const place = this.#places.get(window);
    if (place === undefined || this.#numbers[place.row] !== place.number) return undefined;
    this.#lastAsked[place.row] = this.#asked;
    return place.row;
  }

  /** The row that is next in turn, but for those that are asked for right now. */
  #take(window: Window): number {
    while (this.#lastAsked[this.#next] === this.#asked) this.#next = (this.#next + 1) % this.#capacity;
    const row = this.#next;
    this.#lastAsked[row] = this.#asked;
    this.#numbers[row] = ++this.#came;
    this.#places.set(window, { row, number: this.#came });
    return row;
  }

  #readService(
    service: string,
    windows: readonly Window[],
    rows: readonly number[],
  ): ReadonlyMap<FeatureName, Float64Array> {
    const block = entry(this.#services, service, () => this.#block(new Map<FeatureName, Float64Array>()));
    let row = 0;
    const put = (value: number, feature: FeatureName): void => {
      if (!Number.isFinite(value)) return;
      const column = block.values.get(feature) ?? this.#column();
      column[row] = value;
      block.values.set(feature, column);
    };
    for (let i = 0; i < rows.length; i++) {
      row = rows[i] as number;
      if (!this.#isNew(block, row)) continue;
      for (const column of block.values.values()) column[row] = Number.NaN;
      windows[i]?.metrics.get(service)?.forEach(put);
    }
    return block.values;
  }

  #readLatency(
    { node, percentile }: { readonly node: LatencyNodeId; readonly percentile: Percentile },
    windows: readonly Window[],
    rows: readonly number[],
  ): Float64Array {
    const nodes = entry(this.#latency, percentile, () => new Map<LatencyNodeId, Block<Float64Array>>());
    const block = entry(nodes, node, () => this.#block(this.#column()));
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      if (!this.#isNew(block, row)) continue;
      block.values[row] = windows[i]?.latency.get(node)?.[percentile] ?? Number.NaN;
    }
    return block.values;
  }

  /** Whether a block has not read the window in a row yet; from then on it has. */
  #isNew({ read }: Block<unknown>, row: number): boolean {
    const number = this.#numbers[row] as number;
    if (read[row] === number) return false;
    read[row] = number;
    return true;
  }

  #block<T>(values: T): Block<T> {
    return { read: new Uint32Array(this.#capacity), values };
  }

  #column(): Float64Array {
    return new Float64Array(this.#capacity).fill(Number.NaN);
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
