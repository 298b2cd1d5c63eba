import type { Window } from '@sage/core';
import type { Engine, EngineEvent } from '@sage/engine';

const MAX_WINDOWS = 1_000;

/** Follows the engine's events: keeps its windows, and lets the story wait for what it tells next. */
export class EngineWatch {
  readonly windows: Window[] = [];
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #unsubscribe: () => void;

  constructor(engine: Engine) {
    this.#unsubscribe = engine.subscribe((event) => {
      if (event.type === 'window') {
        this.windows.push(event.window);
        if (this.windows.length > MAX_WINDOWS) this.windows.shift();
      }
      for (const listener of [...this.#listeners]) listener(event);
    });
  }

  /** Calls back on every event until the returned function is called. */
  listen(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first event from now on that `select` maps to a value; undefined after `timeoutMs`. Rejects on abort. */
  next<T>(
    select: (event: EngineEvent) => T | undefined,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        options.signal.removeEventListener('abort', onAbort);
        stop();
        settle();
      };
      const onAbort = () => finish(() => reject(options.signal.reason));
      const timer = setTimeout(() => finish(() => resolve(undefined)), options.timeoutMs);
      const stop = this.listen((event) => {
        const value = select(event);
        if (value !== undefined) finish(() => resolve(value));
      });
      if (options.signal.aborted) onAbort();
      else options.signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }
}
