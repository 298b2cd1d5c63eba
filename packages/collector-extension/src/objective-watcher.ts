import { type Objective, type ObjectiveReading, readObjective, type Window } from '@sage/core';

export interface ObjectiveWatcherOptions {
  /** Windows in a row, one per slide, that must break an objective before it counts as broken. Default 2. */
  readonly brokenWindows?: number;
  /** Windows in a row that must keep a broken objective before it counts as restored. Default 2. */
  readonly restoredWindows?: number;
}

export interface ObjectiveEvent {
  readonly kind: 'broken' | 'restored';
  readonly objective: Objective;
  /** End of the window that decided. */
  readonly atMs: number;
  /** Start of the first window in the row that decided. */
  readonly sinceMs: number;
  readonly reading: ObjectiveReading;
}

interface State {
  broken: boolean;
  /** Windows in a row that speak against the present state. */
  contrary: number;
  sinceMs: number;
}

/**
 * Sees objectives break and hold again. One window alone changes nothing, in either direction; windows without
 * requests say nothing and neither count nor interrupt.
 */
export class ObjectiveWatcher {
  readonly #brokenWindows: number;
  readonly #restoredWindows: number;
  readonly #states = new Map<string, State>();

  constructor(options: ObjectiveWatcherOptions = {}) {
    this.#brokenWindows = atLeastOne('brokenWindows', options.brokenWindows ?? 2);
    this.#restoredWindows = atLeastOne('restoredWindows', options.restoredWindows ?? 2);
  }

  /** Judges one window; windows come in order. An objective that is no longer passed is forgotten. */
  observe(window: Window, objectives: readonly Objective[]): ObjectiveEvent[] {
    const names = new Set(objectives.map((objective) => objective.name));
    for (const name of this.#states.keys()) if (!names.has(name)) this.#states.delete(name);
    return objectives.flatMap((objective) => this.#judge(window, objective) ?? []);
  }

  isBroken(objective: Pick<Objective, 'name'>): boolean {
    return this.#states.get(objective.name)?.broken ?? false;
  }

  #judge(window: Window, objective: Objective): ObjectiveEvent | undefined {
    const reading = readObjective(objective, window);
    if (reading.observedMs === undefined) return undefined;
    let state = this.#states.get(objective.name);
    if (state === undefined) {
      state = { broken: false, contrary: 0, sinceMs: window.startMs };
      this.#states.set(objective.name, state);
    }
    if (reading.broken === state.broken) {
      state.contrary = 0;
      return undefined;
    }
    if (state.contrary === 0) state.sinceMs = window.startMs;
    state.contrary += 1;
    if (state.contrary < (state.broken ? this.#restoredWindows : this.#brokenWindows)) return undefined;
    state.broken = reading.broken;
    state.contrary = 0;
    return {
      kind: state.broken ? 'broken' : 'restored',
      objective,
      atMs: window.endMs,
      sinceMs: state.sinceMs,
      reading,
    };
  }
}

function atLeastOne(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${name} must be a whole number of at least 1, not ${value}`);
  }
  return value;
}
