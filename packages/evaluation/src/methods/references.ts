import type { CausalGraph } from '@sage/causal-graph';
import type { Objective, Window } from '@sage/core';
import type { Evidence } from '../observed.js';
import type { Column } from './columns.js';

/** The windows that a question is compared with, by column. */
export interface Reference {
  readonly windows: readonly Window[];
  /** A column's known values, in ascending order. */
  sorted(column: Column): Float64Array;
}

/**
 * What questions about one application are compared with. From one question to the next the past grows by a few windows:
 * those alone are read then, so that a question about a day costs no more than one about an hour.
 */
export class References {
  readonly #known = new WeakMap<Objective, Growing>();

  /** `windows`: of the question's past, oldest first. */
  of({ graph, objective }: Pick<Evidence, 'graph' | 'objective'>, windows: readonly Window[]): Reference {
    const before = this.#known.get(objective);
    if (before !== undefined && before.graph === graph && before.growTo(windows)) return before;
    const begun = new Growing(graph, windows);
    this.#known.set(objective, begun);
    return begun;
  }
}

class Growing implements Reference {
  readonly #columns = new Map<string, SortedColumn>();

  constructor(
    readonly graph: CausalGraph,
    public windows: readonly Window[],
  ) {}

  /** False where they are not those of before with more behind them. */
  growTo(windows: readonly Window[]): boolean {
    if (!this.windows.every((window, i) => window === windows[i])) return false;
    this.windows = windows;
    return true;
  }

  sorted(column: Column): Float64Array {
    const known = this.#columns.get(column.name) ?? new SortedColumn();
    this.#columns.set(column.name, known);
    return known.readTo(this.windows, column);
  }
}

/** The numbers that a column has in the windows read so far. */
class SortedColumn {
  #values: Float64Array = new Float64Array(0);
  #windowsRead = 0;

  readTo(windows: readonly Window[], column: Column): Float64Array {
    const added = new Float64Array(windows.length - this.#windowsRead);
    let count = 0;
    for (let i = this.#windowsRead; i < windows.length; i++) {
      const value = column.read(windows[i] as Window);
      if (value !== undefined && Number.isFinite(value)) added[count++] = value;
    }
    this.#windowsRead = windows.length;
    if (count > 0) this.#values = merged(this.#values, added.subarray(0, count).sort());
    return this.#values;
  }
}

function merged(a: Float64Array, b: Float64Array): Float64Array {
  const all = new Float64Array(a.length + b.length);
  for (let at = 0, i = 0, j = 0; at < all.length; at++) {
    const fromA = j === b.length || (i < a.length && (a[i] as number) <= (b[j] as number));
    all[at] = (fromA ? a[i++] : b[j++]) as number;
  }
  return all;
}
