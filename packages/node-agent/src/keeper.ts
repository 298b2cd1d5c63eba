import {
  type ActionStatus,
  type Clock,
  failure,
  type Logger,
  type NodeAction,
  type NodeActionOutcome,
  type Outcome,
  success,
} from '@sage/core';
import type { Site } from './drivers/site.js';
import type { Journal, OpenEntry } from './journal.js';
import { knobKey, limitsTheSame, planAction } from './plan.js';
import type { ActionRequest } from './request.js';
import { lockFor } from './resctrl-lock.js';
import { SerialQueue } from './serial-queue.js';
import { applyStep, describeStep, undoStep, verifyStep } from './steps/execute.js';
import { inherit, isNeeded, type Refusal, type Step } from './steps/step.js';

export type AnswerReason = Refusal | 'conflict' | 'failed';

/** `reason` says why the outcome is `refused` or `failed`. */
export interface Answer {
  readonly outcome: NodeActionOutcome;
  readonly reason: AnswerReason | undefined;
}

interface Held extends OpenEntry {
  /** Not before: an undo that failed is tried again, not hammered. */
  readonly retryAtMs: number;
}

const MOST_WAITING = 64;
const MOST_HELD = 256;
const MOST_REMEMBERED = 1000;
const RETRY_AFTER_MS = 5000;

/**
 * The one writer. Every change goes plan → journal → apply → read back, is kept until its lease ends or it is
 * released, and is then undone in reverse. Asking for it again under the same id renews the lease.
 */
export class Keeper {
  readonly #queue = new SerialQueue(MOST_WAITING);
  readonly #held = new Map<string, Held>();
  readonly #answers = new Map<string, Answer>();
  readonly #counts = new Map<string, number>();

  constructor(
    private readonly site: Site,
    private readonly journal: Pick<Journal, 'held' | 'closed' | 'recordOpen' | 'recordClose' | 'close'>,
    private readonly options: { readonly clock: Clock; readonly logger: Logger },
  ) {
    for (const outcome of journal.closed) this.#answers.set(outcome.id, { outcome, reason: undefined });
  }

  /** Newest last. */
  get outcomes(): readonly NodeActionOutcome[] {
    return [...this.#answers.values()].map(({ outcome }) => outcome);
  }

  /** Actions by `kind status`, since the start. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  async submit(request: ActionRequest): Promise<Answer> {
    const done = await this.#queue.run(() => this.#performLocked(request));
    if (done.ok) return done.value;
    return { outcome: this.#outcome(request, 'refused', done.message), reason: 'busy' };
  }

  /** undefined for an id never seen. Releasing twice undoes once. */
  async release(id: string): Promise<Answer | undefined> {
    const done = await this.#queue.run(() => this.#release(id, 'released on request'));
    if (done.ok) return done.value;
    const known = this.#answers.get(id);
    return known === undefined
      ? undefined
      : { outcome: { ...known.outcome, message: done.message }, reason: 'busy' };
  }

  /** Undoes what has outlived its lease. */
  async expire(): Promise<void> {
    const now = this.options.clock.now();
    const due = [...this.#held.values()].filter((held) => held.leaseEndsMs <= now && held.retryAtMs <= now);
    for (const { id } of due.reverse()) await this.#queue.run(() => this.#release(id, 'lease ended'));
  }

  /** Undoes whatever an earlier process left in force. What cannot be undone yet is tried again by `expire`. */
  async restore(): Promise<void> {
    for (const entry of this.journal.held)
      this.#held.set(entry.id, { ...entry, leaseEndsMs: 0, retryAtMs: 0 });
    for (const { id } of this.journal.held.toReversed()) {
      await this.#queue.run(() =>
        this.#release(id, 'restored at start: the agent had ended without undoing it'),
      );
    }
  }

  /** Undoes everything, newest first; what fails stays in the journal for the next start. */
  async close(): Promise<Outcome<void, 'undo'>> {
    await this.#queue.drain();
    for (const id of [...this.#held.keys()].reverse()) {
      await this.#queue.run(() => this.#release(id, 'released: the agent stops'));
    }
    this.journal.close();
    const left = [...this.#held.keys()];
    if (left.length === 0) return success(undefined);
    return failure('undo', `not undone, left to the next start: ${left.join(', ')}`);
  }

  async #performLocked(request: ActionRequest): Promise<Answer> {
    const locked = await lockFor(this.site.system, request.action);
    if (!locked.ok) return this.#answer(request, 'refused', locked.message, locked.reason);
    try {
      return await this.#perform(request);
    } finally {
      locked.value();
    }
  }

  async #perform(request: ActionRequest): Promise<Answer> {
    const { id, action } = request;
    const known = this.#answers.get(id);
    if (known !== undefined && !['failed', 'refused', 'dry-run'].includes(known.outcome.status)) {
      if (JSON.stringify(known.outcome.action) === JSON.stringify(action)) return this.#renew(request, known);
      const message = `id ${id} was used for another action: ${JSON.stringify(known.outcome.action)}`;
      return { outcome: this.#outcome(request, 'refused', message), reason: 'conflict' };
    }
    if (this.#held.has(id)) return this.#answer(request, 'failed', 'its undo is still being tried', 'failed');

    const limited = (pid: number) =>
      [...this.#held.values()].some((held) =>
        held.steps.some(
          (step) =>
            'pid' in step && step.pid === pid && (step.op === 'stop' || limitsTheSame(held.action, action)),
        ),
      );
    const planned = await planAction(this.site, id, action, limited);
    if (!planned.ok) return this.#answer(request, 'refused', planned.message, planned.reason);
    const steps = planned.value;
    const writes = steps.map(describeStep);
    const key = knobKey(id, action);
    const earlier = [...this.#held.values()].find((held) => knobKey(held.id, held.action) === key);
    if (this.site.config.dryRun) {
      if (steps.length === 0) return this.#answer(request, 'unchanged', 'already in force');
      return this.#answer(request, 'dry-run', 'dry run: nothing was written', undefined, writes);
    }
    if (steps.length === 0 && earlier === undefined)
      return this.#answer(request, 'unchanged', 'already in force');
    if (earlier === undefined && this.#held.size >= MOST_HELD) {
      return this.#answer(request, 'refused', `${MOST_HELD} changes are in force already`, 'busy');
    }

    const leaseEndsMs = this.#leaseEnd(request);
    const entry: OpenEntry = { id, action, steps: inherit(earlier?.steps ?? [], steps), leaseEndsMs };
    const recorded = this.journal.recordOpen(entry);
    if (!recorded.ok) return this.#answer(request, 'failed', recorded.message, 'failed');
    const applied = await this.#applyAll(steps);
    if (!applied.ok) return await this.#rollBack(request, entry, steps, applied.message);
    this.#held.set(id, { ...entry, retryAtMs: 0 });
    if (earlier !== undefined) {
      this.#held.delete(earlier.id);
      this.#close(earlier, 'released', `taken over by ${id}`);
    }
    const [status, message] =
      steps.length === 0
        ? (['unchanged', `already in force, taken over from ${earlier?.id}`] as const)
        : (['applied', 'applied and read back'] as const);
    return this.#answer(request, status, message, undefined, writes, leaseEndsMs);
  }

  #leaseEnd(request: ActionRequest): number {
    const leaseSeconds = request.leaseSeconds ?? this.site.config.leaseSeconds;
    return this.options.clock.now() + 1000 * leaseSeconds;
  }

  /** The same action under the same id again: whoever asked still wants it. Nothing is written to the node. */
  #renew(request: ActionRequest, known: Answer): Answer {
    const held = this.#held.get(request.id);
    const leaseEndsMs = this.#leaseEnd(request);
    if (held === undefined || leaseEndsMs <= held.leaseEndsMs) return known;
    const { retryAtMs, ...entry } = held;
    const recorded = this.journal.recordOpen({ ...entry, leaseEndsMs });
    if (!recorded.ok) {
      const message = `in force, but its lease was not renewed: ${recorded.message}`;
      return {
        outcome: this.#outcome(request, 'failed', message, [], held.leaseEndsMs),
        reason: 'failed',
      };
    }
    this.#held.set(request.id, { ...entry, leaseEndsMs, retryAtMs });
    const renewed: Answer = { ...known, outcome: { ...known.outcome, leaseEndsMs } };
    this.#answers.set(request.id, renewed);
    return renewed;
  }

  async #applyAll(steps: readonly Step[]): Promise<Outcome<void>> {
    for (const step of steps) {
      const applied = await applyStep(this.site.system, step);
      // A process that has ended meanwhile needs no limit.
      if (!applied.ok && applied.reason === 'gone' && 'pid' in step) continue;
      if (!applied.ok) return applied;
      const verified = await verifyStep(this.site.system, step);
      if (!verified.ok) return verified;
    }
    return success(undefined);
  }

  async #rollBack(
    request: ActionRequest,
    entry: OpenEntry,
    steps: readonly Step[],
    why: string,
  ): Promise<Answer> {
    const undone = await this.#undoAll(entry.id, steps);
    if (!undone.ok) {
      this.#held.set(entry.id, {
        ...entry,
        leaseEndsMs: 0,
        retryAtMs: this.options.clock.now() + RETRY_AFTER_MS,
      });
      const message = `${why}; and not rolled back yet: ${undone.message}`;
      this.options.logger.error(message, { id: entry.id });
      return this.#answer(request, 'failed', message, 'failed');
    }
    this.#close(entry, 'failed', why);
    return this.#answer(request, 'failed', `${why}; rolled back`, 'failed');
  }

  /** Without flock(1) it is undone all the same: what is in force must not stay for that. */
  async #undoLocked({ id, action, steps }: OpenEntry): Promise<Outcome<readonly string[]>> {
    const locked = await lockFor(this.site.system, action);
    if (!locked.ok && locked.reason === 'busy') return failure('undo', locked.message);
    try {
      return await this.#undoAll(id, steps);
    } finally {
      if (locked.ok) locked.value();
    }
  }

  async #undoAll(id: string, steps: readonly Step[]): Promise<Outcome<readonly string[]>> {
    const done: string[] = [];
    const failed: string[] = [];
    const others = [...this.#held.values()].filter((held) => held.id !== id).flatMap((held) => held.steps);
    for (const step of steps.toReversed()) {
      if (isNeeded(step, others)) continue;
      const undone = await undoStep(this.site.system, step);
      if (undone.ok) done.push(undone.value);
      else failed.push(undone.message);
    }
    return failed.length === 0 ? success(done) : failure('undo', failed.join('; '));
  }

  async #release(id: string, why: string): Promise<Answer | undefined> {
    const held = this.#held.get(id);
    if (held === undefined) return this.#answers.get(id);
    const undone = await this.#undoLocked(held);
    if (!undone.ok) {
      const retryAtMs = this.options.clock.now() + RETRY_AFTER_MS;
      this.#held.set(id, { ...held, leaseEndsMs: 0, retryAtMs });
      this.options.logger.error('a change could not be undone, trying again', { id, why: undone.message });
      return this.#answer(held, 'failed', `not undone yet: ${undone.message}`, 'failed');
    }
    this.#held.delete(id);
    this.options.logger.info(why, { id, writes: undone.value });
    const outcome = this.#close(held, 'released', why, undone.value);
    return { outcome, reason: undefined };
  }

  #close(
    entry: { readonly id: string; readonly action: NodeAction },
    status: ActionStatus,
    message: string,
    writes: readonly string[] = [],
  ): NodeActionOutcome {
    const { outcome } = this.#answer(entry, status, message, undefined, writes);
    const recorded = this.journal.recordClose(outcome);
    // The next start undoes it again, which changes nothing.
    if (!recorded.ok) this.options.logger.error(recorded.message, { id: entry.id });
    return outcome;
  }

  #answer(
    of: { readonly id: string; readonly action: NodeAction },
    status: ActionStatus,
    message: string,
    reason?: AnswerReason,
    writes: readonly string[] = [],
    leaseEndsMs?: number,
  ): Answer {
    const answer = { outcome: this.#outcome(of, status, message, writes, leaseEndsMs), reason };
    this.#answers.delete(of.id);
    this.#answers.set(of.id, answer);
    for (const id of this.#answers.keys()) {
      if (this.#answers.size <= MOST_REMEMBERED) break;
      if (!this.#held.has(id)) this.#answers.delete(id);
    }
    const key = `${of.action.kind} ${status}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return answer;
  }

  #outcome(
    of: { readonly id: string; readonly action: NodeAction },
    status: ActionStatus,
    message: string,
    writes: readonly string[] = [],
    leaseEndsMs?: number,
  ): NodeActionOutcome {
    return { id: of.id, action: of.action, status, message, writes, leaseEndsMs };
  }
}
