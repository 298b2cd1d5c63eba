import type { NodeAction } from '@sage/core';
import type { OpenEntry } from './journal.js';
import { knobKey, limitsTheSame } from './plan.js';
import { isShared, knobOf, type Step, unneeded } from './steps/step.js';

export interface Held extends OpenEntry {
  /** Not before: an undo that failed is tried again, not hammered. */
  readonly retryAtMs: number;
  readonly grantedAtMs: number;
}

const RETRY_AFTER_MS = 5000;
/** A clock may be corrected by as much. */
const CLOCK_TOLERANCE_MS = 60_000;

/** The changes that are in force, or wait to be undone, and what each of them leaves to the others. Oldest first. */
export class ChangesInForce {
  readonly #held = new Map<string, Held>();

  get size(): number {
    return this.#held.size;
  }

  get ids(): readonly string[] {
    return [...this.#held.keys()];
  }

  get(id: string): Held | undefined {
    return this.#held.get(id);
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  /** Granted now, under whatever terms it was before. */
  hold(entry: OpenEntry, nowMs: number): void {
    this.#held.set(entry.id, { ...entry, retryAtMs: 0, grantedAtMs: nowMs });
  }

  /** Nothing but its undoing is wanted of the entry: at once, or after a try that failed in a while. */
  holdForUndo(entry: OpenEntry, nowMs: number, failed: boolean): void {
    const retryAtMs = failed ? nowMs + RETRY_AFTER_MS : 0;
    this.#held.set(entry.id, { ...entry, leaseEndsMs: 0, retryAtMs, grantedAtMs: nowMs });
  }

  /** With other steps, under the same terms. */
  replace(held: Held): void {
    this.#held.set(held.id, held);
  }

  delete(id: string): void {
    this.#held.delete(id);
  }

  /** Those that have outlived their lease, or all that may be tried now, newest first. */
  due(nowMs: number, all: boolean): readonly Held[] {
    // After a clock was set back nobody knows how long a lease has lasted.
    const isOver = ({ leaseEndsMs, grantedAtMs }: Held) =>
      leaseEndsMs <= nowMs || nowMs < grantedAtMs - CLOCK_TOLERANCE_MS;
    return [...this.#held.values()]
      .filter((held) => (all || isOver(held)) && held.retryAtMs <= nowMs)
      .toReversed();
  }

  /** The one that has set the same knob. */
  withKnob(key: string): Held | undefined {
    return [...this.#held.values()].find((held) => knobKey(held.id, held.action) === key);
  }

  /** Another than `earlier` that holds a knob of the steps for itself. */
  ownerOf(steps: readonly Step[], earlier: Held | undefined): Held | undefined {
    const knobs = new Set(steps.filter((step) => !isShared(step)).map(knobOf));
    return [...this.#held.values()].find(
      (held) => held !== earlier && held.steps.some((step) => knobs.has(knobOf(step))),
    );
  }

  /** Whether a process is stopped, or limited in what the action would limit. */
  isLimited(pid: number, action: NodeAction): boolean {
    return [...this.#held.values()].some((held) =>
      held.steps.some(
        (step) =>
          'pid' in step && step.pid === pid && (step.op === 'stop' || limitsTheSame(held.action, action)),
      ),
    );
  }

  /** Steps of all changes but one. */
  stepsBeside(id: string): readonly Step[] {
    return [...this.#held.values()].filter((held) => held.id !== id).flatMap((held) => held.steps);
  }

  /** What of the steps can be undone while the other changes stay. */
  unneeded(id: string, steps: readonly Step[]): readonly Step[] {
    return unneeded(steps, this.stepsBeside(id));
  }
}
