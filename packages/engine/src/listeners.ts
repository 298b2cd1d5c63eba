import { errorMessage, type Logger } from '@sage/core';
import type { EngineEvent } from './events.js';

/** Who is told what happens. One that fails is logged, and costs the others nothing. */
export class Listeners {
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The result ends it. */
  add(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(event: EngineEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.error('a listener failed', { event: event.type, error: errorMessage(error) });
      }
    }
  }
}
