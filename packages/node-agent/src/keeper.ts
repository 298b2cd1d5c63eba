import { type Clock, failure, type Logger, type NodeActionOutcome, type Outcome, success } from '@sage/core';
import { type Answer, type AnswerDetails, Answers, answer, type Subject } from './answers.js';
import type { Site } from './drivers/site.js';
import type { Journal, OpenEntry } from './journal.js';
import { KillSwitch } from './kill-switch.js';
import { whyRefused } from './limits.js';
import { knobKey, limitsTheSame, planAction } from './plan.js';
import { RecentEvents } from './recent-events.js';
import { Contention, repairEntry } from './repair.js';
import type { ActionRequest } from './request.js';
import { lockFor } from './resctrl-lock.js';
import { SerialQueue } from './serial-queue.js';
import { applySteps, undoSteps } from './steps/all.js';
import { describeStep } from './steps/execute.js';
import { inherit, isNeeded, isShared, knobOf, type Step } from './steps/step.js';

interface Held extends OpenEntry {
  /** Not before: an undo that failed is tried again, not hammered. */
  readonly retryAtMs: number;
  readonly grantedAtMs: number;
}

/** Since the start, by kind of action. */
export interface DriftCounts {
  /** Changes that were found turned by somebody else. */
  readonly found: ReadonlyMap<string, number>;
  /** Changes that were left to them in the end. */
  readonly givenUp: ReadonlyMap<string, number>;
}

const MOST_WAITING = 64;
const RETRY_AFTER_MS = 5000;
const MINUTE_MS = 60_000;

/**
 * The one writer. Every change goes plan → validate → journal → apply → read back, is kept until its lease ends or it
 * is released, repaired where somebody else undoes it, and is then undone in reverse. Asking for it again under the
 * same id renews the lease.
 */
export class Keeper {
  readonly #queue = new SerialQueue(MOST_WAITING);
  readonly #held = new Map<string, Held>();
  readonly #answers: Answers;
  readonly #killSwitch: KillSwitch;
  readonly #begun = new RecentEvents(MINUTE_MS);
  readonly #contention: Contention;
  readonly #drift = { found: new Map<string, number>(), givenUp: new Map<string, number>() };
  #stopping = false;

  constructor(
    private readonly site: Site,
    private readonly journal: Pick<Journal, 'held' | 'closed' | 'recordOpen' | 'recordClose' | 'close'>,
    private readonly options: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#answers = new Answers(journal.closed, (id) => this.#held.has(id));
    this.#killSwitch = new KillSwitch(site.config.killSwitch);
    this.#contention = new Contention(site.config.drift);
  }

  /** Newest last. */
  get outcomes(): readonly NodeActionOutcome[] {
    return this.#answers.outcomes;
  }

  /** Actions by `kind status`, since the start. */
  get counts(): ReadonlyMap<string, number> {
    return this.#answers.counts;
  }

  get driftCounts(): DriftCounts {
    return this.#drift;
  }

  /** Changes in force, or being undone. */
  get inForce(): number {
    return this.#held.size;
  }

  get isKilled(): boolean {
    return this.#killSwitch.on !== undefined;
  }

  async submit(request: ActionRequest): Promise<Answer> {
    const done = await this.#queue.run(() => this.#performLocked(request));
    return done.ok ? done.value : answer(request, 'refused', done.message, { reason: 'busy' });
  }

  /** undefined for an id never seen. Releasing twice undoes once. */
  async release(id: string): Promise<Answer | undefined> {
    const done = await this.#queue.run(() => this.#release(id, 'released on request'));
    if (done.ok) return done.value;
    const known = this.#answers.get(id);
    return known && { outcome: { ...known.outcome, message: done.message }, reason: 'busy' };
  }

  /** Turns the kill switch on and undoes everything; fails naming what is still being undone. */
  async kill(reason: string): Promise<Outcome<void, 'failed' | 'undo'>> {
    const on = this.#killSwitch.turnOn(reason);
    if (!on.ok) return on;
    this.options.logger.warn('the kill switch is on', { reason, path: this.#killSwitch.path });
    return this.#undoEverything('released: the kill switch is on');
  }

  /** Undoes what has outlived its lease and, with the kill switch on, everything. */
  async expire(): Promise<void> {
    const now = this.options.clock.now();
    const killed = this.isKilled;
    // After a clock was set back nobody knows how long a lease has lasted.
    const isOver = (held: Held) => held.leaseEndsMs <= now || now < held.grantedAtMs - MINUTE_MS;
    const due = [...this.#held.values()].filter((held) => (killed || isOver(held)) && held.retryAtMs <= now);
    const why = killed ? 'released: the kill switch is on' : 'lease ended';
    for (const { id } of due.reverse()) await this.#queue.run(() => this.#release(id, why));
  }

  /** Compares what is in force with the node and repairs what somebody else has turned. */
  async reconcile(): Promise<void> {
    for (const id of [...this.#held.keys()]) await this.#queue.run(() => this.#repair(id));
  }

  /** Undoes whatever an earlier process left in force. What cannot be undone yet is tried again by `expire`. */
  async restore(): Promise<void> {
    const entries = this.journal.held;
    for (const entry of entries) this.#hold(entry, { leaseEndsMs: 0 });
    for (const { id } of entries.toReversed()) {
      await this.#queue.run(() =>
        this.#release(id, 'restored at start: the agent had ended without undoing it'),
      );
    }
  }

  /** Undoes everything, newest first; what fails stays in the journal for the next start. */
  async close(): Promise<Outcome<void, 'undo'>> {
    this.#stopping = true;
    await this.#queue.drain();
    const undone = await this.#undoEverything('released: the agent stops');
    this.journal.close();
    return undone;
  }

  async #undoEverything(why: string): Promise<Outcome<void, 'undo'>> {
    for (const id of [...this.#held.keys()].reverse()) {
      await this.#queue.run(() => this.#release(id, why));
    }
    const left = [...this.#held.keys()];
    if (left.length === 0) return success(undefined);
    return failure('undo', `not undone yet: ${left.join(', ')}`);
  }

  async #performLocked(request: ActionRequest): Promise<Answer> {
    const locked = await lockFor(this.site.system, request.action);
    if (!locked.ok) return this.#refuse(request, locked.message, { reason: locked.reason });
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
      return answer(request, 'refused', message, { reason: 'conflict' });
    }
    if (this.#held.has(id)) return this.#fail(request, 'its undo is still being tried');
    const refused = this.#whyNotNow(request);
    if (refused !== undefined) return refused;

    const limited = (pid: number) =>
      [...this.#held.values()].some((held) =>
        held.steps.some(
          (step) =>
            'pid' in step && step.pid === pid && (step.op === 'stop' || limitsTheSame(held.action, action)),
        ),
      );
    const planned = await planAction(this.site, id, action, limited);
    if (!planned.ok) return this.#refuse(request, planned.message, { reason: planned.reason });
    const steps = planned.value;
    const key = knobKey(id, action);
    const earlier = [...this.#held.values()].find((held) => knobKey(held.id, held.action) === key);
    const writes = steps.map(describeStep);
    if (this.site.config.dryRun && steps.length > 0) {
      return this.#answers.add(answer(request, 'dry-run', 'dry run: nothing was written', { writes }));
    }
    if (steps.length === 0 && (earlier === undefined || this.site.config.dryRun)) {
      return this.#answers.add(answer(request, 'unchanged', 'already in force'));
    }
    return this.#whyNotMore(request, steps, earlier) ?? (await this.#change(request, steps, earlier));
  }

  /** What forbids a change whatever it would write. */
  #whyNotNow(request: ActionRequest): Answer | undefined {
    if (this.#stopping) return this.#refuse(request, 'the agent stops', { reason: 'busy' });
    const killed = this.#killSwitch.on;
    if (killed !== undefined) return this.#refuse(request, killed, { reason: 'killed' });
    const limit = whyRefused(this.site.config.limits, request.action);
    if (limit !== undefined) return this.#refuse(request, limit.message, { reason: limit.reason });
    const seconds = this.#contention.leftForSeconds(
      knobKey(request.id, request.action),
      this.options.clock.now(),
    );
    if (seconds === 0) return undefined;
    const message = `somebody else keeps turning this knob: it is left to them for ${seconds} s more`;
    return this.#refuse(request, message, { reason: 'conflict' });
  }

  /** What forbids these steps beside what is in force already. */
  #whyNotMore(request: ActionRequest, steps: readonly Step[], earlier: Held | undefined): Answer | undefined {
    const knobs = new Set(steps.filter((step) => !isShared(step)).map(knobOf));
    const owner = [...this.#held.values()].find(
      (held) => held !== earlier && held.steps.some((step) => knobs.has(knobOf(step))),
    );
    // Two owners of one value could not both be undone.
    if (owner !== undefined) {
      const message = `${owner.id} holds the same knob for ${owner.action.target}: release it first`;
      return this.#refuse(request, message, { reason: 'conflict' });
    }
    const { changesInForce, changesPerMinute } = this.site.config.limits;
    if (earlier === undefined && this.#held.size >= changesInForce) {
      return this.#refuse(request, `${changesInForce} changes are in force already`, { reason: 'busy' });
    }
    const now = this.options.clock.now();
    if (this.#begun.count(now) >= changesPerMinute) {
      const retryAfterSeconds = Math.ceil(this.#begun.waitMs(now) / 1000);
      const message = `${changesPerMinute} changes in the last minute: try again in ${retryAfterSeconds} s`;
      return this.#refuse(request, message, { reason: 'rate', retryAfterSeconds });
    }
    return undefined;
  }

  async #change(request: ActionRequest, steps: readonly Step[], earlier: Held | undefined): Promise<Answer> {
    const { id, action } = request;
    const leaseEndsMs = this.#leaseEnd(request);
    const entry: OpenEntry = { id, action, steps: inherit(earlier?.steps ?? [], steps), leaseEndsMs };
    const recorded = this.journal.recordOpen(entry);
    if (!recorded.ok) return this.#fail(request, recorded.message);
    this.#begun.add(this.options.clock.now());
    const applied = await applySteps(this.site.system, steps);
    if (!applied.ok) return await this.#rollBack(request, entry, steps, applied.message);
    this.#hold(entry);
    if (earlier !== undefined) {
      this.#held.delete(earlier.id);
      this.#close(earlier, answer(earlier, 'released', `taken over by ${id}`));
    }
    const details = { writes: steps.map(describeStep), leaseEndsMs };
    return this.#answers.add(
      steps.length === 0
        ? answer(request, 'unchanged', `already in force, taken over from ${earlier?.id}`, details)
        : answer(request, 'applied', 'applied and read back', details),
    );
  }

  #hold(entry: OpenEntry, changed: Partial<Held> = {}): void {
    this.#held.set(entry.id, {
      ...entry,
      retryAtMs: 0,
      grantedAtMs: this.options.clock.now(),
      ...changed,
    });
  }

  /** Nothing but another try of undoing it is wanted of the entry. */
  #retryUndo(entry: OpenEntry): void {
    this.#hold(entry, { leaseEndsMs: 0, retryAtMs: this.options.clock.now() + RETRY_AFTER_MS });
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
    const killed = this.#killSwitch.on;
    if (killed !== undefined) return answer(request, 'refused', killed, { reason: 'killed' });
    const { retryAtMs: _, grantedAtMs: __, ...entry } = held;
    const recorded = this.journal.recordOpen({ ...entry, leaseEndsMs });
    if (!recorded.ok) {
      const message = `in force, but its lease was not renewed: ${recorded.message}`;
      return answer(request, 'failed', message, { reason: 'failed', leaseEndsMs: held.leaseEndsMs });
    }
    this.#hold({ ...entry, leaseEndsMs });
    const renewed: Answer = { ...known, outcome: { ...known.outcome, leaseEndsMs } };
    this.#answers.renew(renewed);
    return renewed;
  }

  async #rollBack(
    request: ActionRequest,
    entry: OpenEntry,
    steps: readonly Step[],
    why: string,
  ): Promise<Answer> {
    const undone = await undoSteps(this.site.system, this.#unneeded(entry.id, steps));
    if (!undone.ok) {
      this.#retryUndo(entry);
      const message = `${why}; and not rolled back yet: ${undone.message}`;
      this.options.logger.error(message, { id: entry.id });
      return this.#fail(request, message);
    }
    this.#close(entry, answer(entry, 'failed', why, { reason: 'failed' }));
    return this.#fail(request, `${why}; rolled back`);
  }

  async #release(id: string, why: string): Promise<Answer | undefined> {
    const held = this.#held.get(id);
    if (held === undefined) return this.#answers.get(id);
    const locked = await lockFor(this.site.system, held.action);
    // Without flock(1) it is undone all the same: what is in force must not stay for that.
    if (!locked.ok && locked.reason === 'busy') return this.#notUndone(held, locked.message);
    try {
      return await this.#end(held, (writes) => answer(held, 'released', why, { writes }));
    } finally {
      if (locked.ok) locked.value();
    }
  }

  /** Steps without those that another change in force needs. */
  #unneeded(id: string, steps: readonly Step[]): readonly Step[] {
    const others = [...this.#held.values()].filter((held) => held.id !== id).flatMap((held) => held.steps);
    return steps.filter((step) => !isNeeded(step, others));
  }

  /** Undoes an entry and closes it with an answer of what was written. */
  async #end(held: Held, closing: (writes: readonly string[]) => Answer): Promise<Answer> {
    const undone = await undoSteps(this.site.system, this.#unneeded(held.id, held.steps));
    if (!undone.ok) return this.#notUndone(held, undone.message);
    this.#held.delete(held.id);
    this.#contention.forget(knobKey(held.id, held.action));
    return this.#close(held, closing(undone.value));
  }

  #notUndone(held: Held, why: string): Answer {
    this.#retryUndo(held);
    this.options.logger.error('a change could not be undone, trying again', { id: held.id, why });
    return this.#fail(held, `not undone yet: ${why}`);
  }

  async #repair(id: string): Promise<void> {
    const held = this.#held.get(id);
    if (held === undefined) return;
    const locked = await lockFor(this.site.system, held.action);
    // The next look finds it, too.
    if (!locked.ok) return;
    try {
      await this.#repairHeld(held);
    } finally {
      locked.value();
    }
  }

  async #repairHeld(held: Held): Promise<void> {
    const { id } = held;
    const now = this.options.clock.now();
    // What waits to be undone is not to be done again.
    if (held.leaseEndsMs <= now || this.isKilled) return;
    const { retryAtMs, grantedAtMs, ...entry } = held;
    const { found, failed, ...repaired } = await repairEntry(this.site.system, entry, (next) =>
      this.journal.recordOpen(next),
    );
    if (found.length === 0) return;
    const { kind } = held.action;
    const current: Held = { ...repaired.entry, retryAtMs, grantedAtMs };
    this.#held.set(id, current);
    this.options.logger.warn(failed ? `drift not repaired: ${failed.message}` : 'drift repaired', {
      id,
      found,
    });
    count(this.#drift.found, kind);
    const knob = knobKey(id, held.action);
    if (!this.#contention.isLost(knob, now)) return;
    this.#contention.leave(knob, now);
    count(this.#drift.givenUp, kind);
    const message = `given up: somebody else keeps turning this knob; ${failed?.message ?? found.join('; ')}`;
    await this.#end(current, (writes) => answer(current, 'failed', message, { reason: 'failed', writes }));
  }

  #close({ id }: Subject, given: Answer): Answer {
    this.#answers.add(given);
    const { message, writes } = given.outcome;
    this.options.logger.info(message, { id, writes });
    const recorded = this.journal.recordClose(given.outcome);
    // The next start undoes it again, which changes nothing.
    if (!recorded.ok) this.options.logger.error(recorded.message, { id });
    return given;
  }

  #fail(of: Subject, message: string): Answer {
    return this.#answers.add(answer(of, 'failed', message, { reason: 'failed' }));
  }

  #refuse(of: Subject, message: string, details: AnswerDetails): Answer {
    return this.#answers.add(answer(of, 'refused', message, details));
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
