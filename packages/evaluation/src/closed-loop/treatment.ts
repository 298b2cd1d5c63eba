import type { TurnedKnob } from '@sage/actuation';
import { type Objective, type ObjectiveReading, type Resource, readObjective, type Window } from '@sage/core';

/** An action in force. */
export interface Held extends TurnedKnob {
  readonly id: string;
  readonly service: string;
  readonly resource: Resource;
}

/** What was done together and is judged together. */
export interface Round {
  readonly doneMs: number;
  /** Of the objective, when it was done. */
  readonly before: ObjectiveReading;
  readonly ids: ReadonlySet<string>;
}

/** What is done for one objective. */
export class Treatment {
  /** Oldest first. */
  held: readonly Held[] = [];
  /** Done and not judged yet. */
  pending: Round | undefined;
  /** What was released last, while it may have to come back. */
  released: { readonly atMs: number; readonly held: Held } | undefined;
  /** Times the usual clean windows before something is released. */
  patience = 1;
  /** When something was done or undone last. */
  changedMs = 0;

  constructor(readonly objective: Objective) {}

  isBroken(window: Window): boolean {
    return readObjective(this.objective, window).broken;
  }

  /** The objective in windows that began since a time. */
  readingsSince(sinceMs: number, windows: readonly Window[]): readonly ObjectiveReading[] {
    return windows
      .filter(({ startMs }) => startMs >= sinceMs)
      .map((window) => readObjective(this.objective, window));
  }

  forget(id: string): void {
    this.held = this.held.filter((held) => held.id !== id);
  }
}
