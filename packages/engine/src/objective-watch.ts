import { type Logger, type Objective, readObjective, type Window } from '@sage/core';
import type { WindowHistory } from './learning/history.js';
import type { WatcherPart } from './parts.js';
import { unseenObjective } from './unseen-objective.js';

export interface ObjectiveWatchOptions {
  readonly createWatcher: (objective: Objective, brokenWindows: number) => WatcherPart;
  readonly brokenWindows: number;
  /** The objective was broken when an earlier run ended. */
  readonly wasBroken: boolean;
  readonly history: Pick<WindowHistory, 'learnable'>;
  readonly logger: Logger;
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
  readonly #options: ObjectiveWatchOptions;
  #inherited: boolean;
  /** Seen at least once, or told that it was not. */
  #settled = false;
  #good = 0;
  #goodSinceMs = 0;

  constructor(objective: Objective, options: ObjectiveWatchOptions) {
    this.objective = objective;
    this.#watcher = options.createWatcher(objective, options.brokenWindows);
    this.#options = options;
    this.#inherited = options.wasBroken;
  }

  /** To be called once per window, after it is in the history. */
  observe(window: Window): Change | undefined {
    this.#tellUnseen(window);
    const change = this.#watcher.observe(window);
    if (change === undefined) return this.#endInherited(window);
    this.#inherited = false;
    return change;
  }

  /** An objective that is misnamed never breaks: somebody must be told, once. */
  #tellUnseen(window: Window): void {
    if (this.#settled || window.latency.size === 0) return;
    const { history, logger } = this.#options;
    const why = unseenObjective(this.objective, history.learnable);
    if (why !== undefined) logger.warn('an objective watches nothing', { qos: this.objective.name, why });
    this.#settled = why !== undefined || readObjective(this.objective, window).observedMs !== undefined;
  }

  /** The watcher did not see the break of an earlier run, so it cannot tell of its end. */
  #endInherited(window: Window): Change | undefined {
    if (!this.#inherited) return undefined;
    const { broken, observedMs } = readObjective(this.objective, window);
    if (observedMs !== undefined) this.#good = broken ? 0 : this.#good + 1;
    if (this.#good === 1) this.#goodSinceMs = window.startMs;
    if (this.#good < this.#options.brokenWindows) return undefined;
    this.#inherited = false;
    return { kind: 'restored', sinceMs: this.#goodSinceMs };
  }
}
