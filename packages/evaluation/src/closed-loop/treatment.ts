import type { TurnedKnob } from '@sage/actuation';
import {
  type Diagnosis,
  type Objective,
  type ObjectiveReading,
  type Resource,
  readObjective,
  type Window,
} from '@sage/core';

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

/** What is done about one time in which one objective is broken, and kept for a while after it. */
export class Treatment {
  /** The objective does not hold yet. */
  open = true;
  /** Oldest first. */
  held: readonly Held[] = [];
  /** Done and not judged yet. */
  pending: Round | undefined;
  /** What was released last, while it may have to come back. */
  released: { readonly atMs: number; readonly held: Held } | undefined;
  /** What was acted on last, unless that did harm: it stands while nothing newer says whom to help. */
  diagnosis: Diagnosis | undefined;
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

  /** Goes on with what another holds, all of it or of one service: a ladder is climbed from where it stands. */
  adopt(other: Treatment, service?: string): void {
    const moved = other.held.filter((held) => service === undefined || held.service === service);
    if (moved.length === 0) return;
    other.held = other.held.filter((held) => !moved.includes(held));
    this.held = [...moved, ...this.held];
    this.patience = Math.max(this.patience, other.patience);
  }

  /** Nothing of it is left to be done. */
  get isOver(): boolean {
    return !this.open && this.held.length === 0 && this.released === undefined && this.pending === undefined;
  }

  /** In force, and waits to be judged. */
  get awaited(): readonly Held[] {
    return this.held.filter(({ id }) => this.pending?.ids.has(id));
  }

  /** Before what was done a moment ago is judged, more was done: it is judged together, by how it was before. */
  pend(round: Round): void {
    const { before, ids } = this.pending ?? round;
    this.pending = { ...round, before, ids: new Set([...ids, ...round.ids]) };
  }

  forget(id: string): void {
    this.held = this.held.filter((held) => held.id !== id);
  }
}
