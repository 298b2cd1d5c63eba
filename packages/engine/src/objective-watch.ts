import { type Objective, readObjective, type Window } from '@sage/core';
import type { WatcherPart } from './parts.js';

export interface ObjectiveWatchOptions {
  readonly createWatcher: (objective: Objective, brokenWindows: number) => WatcherPart;
  readonly brokenWindows: number;
  /** The objective was broken when an earlier run ended. */
  readonly wasBroken: boolean;
}

export interface Change {
  readonly kind: 'broken' | 'restored';
  /** Start of the first window in the row that decided. */
  readonly sinceMs: number;
}

/** One objective through the collector extension's watcher, with what an earlier run knew. */
export class ObjectiveWatch {
  readonly objective: Objective;
  readonly #watcher: WatcherPart;
  readonly #brokenWindows: number;
  #inherited: boolean;
  #good = 0;
  #goodSinceMs = 0;

  constructor(objective: Objective, { createWatcher, brokenWindows, wasBroken }: ObjectiveWatchOptions) {
    this.objective = objective;
    this.#watcher = createWatcher(objective, brokenWindows);
    this.#brokenWindows = brokenWindows;
    this.#inherited = wasBroken;
  }

  observe(window: Window): Change | undefined {
    const change = this.#watcher.observe(window);
    if (change === undefined) return this.#endInherited(window);
    this.#inherited = false;
    return change;
  }

  /** The watcher did not see the break of an earlier run, so it cannot tell of its end. */
  #endInherited(window: Window): Change | undefined {
    if (!this.#inherited) return undefined;
    const { broken, observedMs } = readObjective(this.objective, window);
    if (observedMs !== undefined) this.#good = broken ? 0 : this.#good + 1;
    if (this.#good === 1) this.#goodSinceMs = window.startMs;
    if (this.#good < this.#brokenWindows) return undefined;
    this.#inherited = false;
    return { kind: 'restored', sinceMs: this.#goodSinceMs };
  }
}
