import type { ActionStatus, NodeAction, NodeActionOutcome } from '@sage/core';
import type { Refusal } from './steps/step.js';

export type AnswerReason = Refusal | 'conflict' | 'rate' | 'killed' | 'failed';

/** `reason` says why the outcome is `refused` or `failed`. */
export interface Answer {
  readonly outcome: NodeActionOutcome;
  readonly reason: AnswerReason | undefined;
  /** When it makes sense to ask again; absent: not known. */
  readonly retryAfterSeconds?: number;
}

export interface AnswerDetails {
  readonly reason?: AnswerReason;
  readonly writes?: readonly string[];
  readonly leaseEndsMs?: number;
  readonly retryAfterSeconds?: number;
}

/** Whatever an answer is about: a request or an entry of the journal. */
export interface Subject {
  readonly id: string;
  readonly action: NodeAction;
}

export function answer(
  { id, action }: Subject,
  status: ActionStatus,
  message: string,
  { reason, writes = [], leaseEndsMs, retryAfterSeconds }: AnswerDetails = {},
): Answer {
  const outcome = { id, action, status, message, writes, leaseEndsMs };
  return retryAfterSeconds === undefined ? { outcome, reason } : { outcome, reason, retryAfterSeconds };
}

const MOST_REMEMBERED = 1000;

/** The latest answer to each id, so that the same request twice is one change; and how many of which there were. */
export class Answers {
  readonly #byId = new Map<string, Answer>();
  readonly #counts = new Map<string, number>();

  /** `isHeld` says of which ids the answer must not be forgotten. */
  constructor(
    past: readonly NodeActionOutcome[],
    private readonly isHeld: (id: string) => boolean,
  ) {
    for (const outcome of past) this.#byId.set(outcome.id, { outcome, reason: undefined });
  }

  get(id: string): Answer | undefined {
    return this.#byId.get(id);
  }

  /** Newest last. */
  get outcomes(): readonly NodeActionOutcome[] {
    return [...this.#byId.values()].map(({ outcome }) => outcome);
  }

  /** By `kind status`, since the start. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  add(given: Answer): Answer {
    const { id, action, status } = given.outcome;
    this.#byId.delete(id);
    this.#byId.set(id, given);
    for (const old of this.#byId.keys()) {
      if (this.#byId.size <= MOST_REMEMBERED) break;
      if (!this.isHeld(old)) this.#byId.delete(old);
    }
    const key = `${action.kind} ${status}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return given;
  }

  /** As before but with another lease: nothing was done that would count. */
  renew(given: Answer): void {
    this.#byId.set(given.outcome.id, given);
  }
}
