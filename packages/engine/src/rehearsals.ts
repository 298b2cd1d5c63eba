import type { CausalModel } from '@sage/causal-graph';
import { createRng, errorMessage, type Logger, type Objective, type Window } from '@sage/core';
import type { Parts } from './parts.js';

/** Diagnoses after which the next are as fast as any. */
const REHEARSALS = 8;

export interface RehearsalsOptions {
  readonly parts: Pick<Parts, 'rehearse'>;
  readonly model: () => CausalModel | undefined;
  /** Calm windows. */
  readonly history: () => readonly Window[];
  readonly objectives: () => readonly Objective[];
  readonly logger: Logger;
}

/**
 * Diagnoses that count for nothing, one per window from the first model on: so the first that matters finds its machine
 * code made. Never while an incident waits.
 */
export class Rehearsals {
  readonly #options: RehearsalsOptions;
  #done = 0;

  constructor(options: RehearsalsOptions) {
    this.#options = options;
  }

  /** To be called once per window while no incident is open. */
  onCalmWindow(): void {
    const { parts, model, history, objectives, logger } = this.#options;
    const [present, all] = [model(), objectives()];
    const objective = all[this.#done % all.length];
    if (present === undefined || objective === undefined || this.#done >= REHEARSALS) return;
    this.#done++;
    try {
      parts.rehearse({ model: present, history: history(), objective }, createRng(this.#done));
    } catch (error) {
      logger.error('a rehearsal of the diagnosis failed', {
        objective: objective.name,
        error: errorMessage(error),
      });
    }
  }
}
