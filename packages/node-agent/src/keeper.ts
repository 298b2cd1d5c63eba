import { type Clock, failure, type Logger, type NodeActionOutcome, type Outcome, success } from '@sage/core';
import { Admission, type NotAdmitted } from './admission.js';
import { type Answer, Answers, answer, type Subject } from './answers.js';
import { ChangesInForce, type Held } from './changes-in-force.js';
import type { Site } from './drivers/site.js';
import type { Journal, OpenEntry } from './journal.js';
import { KillSwitch } from './kill-switch.js';
import { knobKey, planAction } from './plan.js';
import { Contention, repairEntry } from './repair.js';
import type { ActionRequest } from './request.js';
import { lockFor } from './resctrl-lock.js';
import { SerialQueue } from './serial-queue.js';
import { applySteps, undoSteps } from './steps/all.js';
import { describeStep } from './steps/execute.js';
import { inherit, type Step } from './steps/step.js';

/** Since the start, by kind of action. */
export interface DriftCounts {
  /** Changes that were found turned by somebody else. */
  readonly found: ReadonlyMap<string, number>;
  /** Changes that were left to them in the end. */
  readonly givenUp: ReadonlyMap<string, number>;
}

const MOST_WAITING = 64;

/**
 * The one writer. Every change goes plan → validate → journal → apply → read back, is kept until its lease ends or it
 * is released, repaired where somebody else undoes it, and is then undone in reverse. Asking for it again under the
 * same id renews the lease.
 */
export class Keeper {
  readonly #queue = new SerialQueue(MOST_WAITING);
  readonly #inForce = new ChangesInForce();
  readonly #answers: Answers;
  readonly #killSwitch: KillSwitch;
  readonly #contention: Contention;
  readonly #admission: Admission;
  readonly #drift = { found: new Map<string, number>(), givenUp: new Map<string, number>() };
  #stopping = false;

  constructor(
    private readonly site: Site,
    private readonly journal: Pick<Journal, 'held' | 'closed' | 'recordOpen' | 'recordClose' | 'close'>,
    private readonly options: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#answers = new Answers(journal.closed, (id) => this.#inForce.has(id));
    this.#killSwitch = new KillSwitch(site.config.killSwitch);
    this.#contention = new Contention(site.config.drift);
    this.#admission = new Admission(site.config.limits, {
      killSwitch: this.#killSwitch,
      contention: this.#contention,
      inForce: this.#inForce,
    });
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
    return this.#inForce.size;
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
    const killed = this.isKilled;
    const why = killed ? 'released: the kill switch is on' : 'lease ended';
    for (const { id } of this.#inForce.due(this.options.clock.now(), killed)) {
      await this.#queue.run(() => this.#release(id, why));
    }
  }

  /** Compares what is in force with the node and repairs what somebody else has turned. */
  async reconcile(): Promise<void> {
    for (const id of this.#inForce.ids) await this.#queue.run(() => this.#repair(id));
  }

  /** Undoes whatever an earlier process left in force. What cannot be undone yet is tried again by `expire`. */
  async restore(): Promise<void> {
    const entries = this.journal.held;
    const now = this.options.clock.now();
    for (const entry of entries) this.#inForce.holdForUndo(entry, now, false);
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
    for (const id of this.#inForce.ids.toReversed()) {
      await this.#queue.run(() => this.#release(id, why));
    }
    const left = this.#inForce.ids;
    if (left.length === 0) return success(undefined);
    return failure('undo', `not undone yet: ${left.join(', ')}`);
  }

  async #performLocked(request: ActionRequest): Promise<Answer> {
    const locked = await lockFor(this.site.system, request.action);
    if (!locked.ok) return this.#refuse(request, locked);
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
    if (this.#inForce.has(id)) return this.#fail(request, 'its undo is still being tried');
    if (this.#stopping) return this.#refuse(request, { reason: 'busy', message: 'the agent stops' });
    const key = knobKey(id, action);
    const refused = this.#admission.whyNotNow(action, key, this.options.clock.now());
    if (refused !== undefined) return this.#refuse(request, refused);

    const planned = await planAction(this.site, id, action, (pid) => this.#inForce.isLimited(pid, action));
    if (!planned.ok) return this.#refuse(request, planned);
    const steps = planned.value;
    const earlier = this.#inForce.withKnob(key);
    const writes = steps.map(describeStep);
    if (this.site.config.dryRun && steps.length > 0) {
      return this.#answers.add(answer(request, 'dry-run', 'dry run: nothing was written', { writes }));
    }
    if (steps.length === 0 && (earlier === undefined || this.site.config.dryRun)) {
      return this.#answers.add(answer(request, 'unchanged', 'already in force'));
    }
    const notMore = this.#admission.whyNotMore(steps, earlier, this.options.clock.now());
    return notMore === undefined ? this.#change(request, steps, earlier) : this.#refuse(request, notMore);
  }

  async #change(request: ActionRequest, steps: readonly Step[], earlier: Held | undefined): Promise<Answer> {
    const { id, action } = request;
    const leaseEndsMs = this.#leaseEnd(request);
    const inherited = inherit(earlier?.steps ?? [], steps, this.#inForce.stepsBeside(id));
    const entry: OpenEntry = { id, action, steps: inherited, leaseEndsMs };
    const recorded = this.journal.recordOpen(entry);
    if (!recorded.ok) return this.#fail(request, recorded.message);
    this.#admission.begin(this.options.clock.now());
    const applied = await applySteps(this.site.system, steps);
    if (!applied.ok) return await this.#rollBack(request, entry, steps, applied.message);
    this.#inForce.hold(entry, this.options.clock.now());
    if (earlier !== undefined) {
      this.#inForce.delete(earlier.id);
      this.#close(earlier, answer(earlier, 'released', `taken over by ${id}`));
    }
    const details = { writes: steps.map(describeStep), leaseEndsMs };
    return this.#answers.add(
      steps.length === 0
        ? answer(request, 'unchanged', `already in force, taken over from ${earlier?.id}`, details)
        : answer(request, 'applied', 'applied and read back', details),
    );
  }

  #leaseEnd(request: ActionRequest): number {
    const leaseSeconds = request.leaseSeconds ?? this.site.config.leaseSeconds;
    return this.options.clock.now() + 1000 * leaseSeconds;
  }

  /** The same action under the same id again: whoever asked still wants it. Nothing is written to the node. */
  #renew(request: ActionRequest, known: Answer): Answer {
    const held = this.#inForce.get(request.id);
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
    this.#inForce.hold({ ...entry, leaseEndsMs }, this.options.clock.now());
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
    const undone = await undoSteps(this.site.system, this.#inForce.unneeded(entry.id, steps));
    if (!undone.ok) {
      this.#inForce.holdForUndo(entry, this.options.clock.now(), true);
      const message = `${why}; and not rolled back yet: ${undone.message}`;
      this.options.logger.error(message, { id: entry.id });
      return this.#fail(request, message);
    }
    this.#close(entry, answer(entry, 'failed', why, { reason: 'failed' }));
    return this.#fail(request, `${why}; rolled back`);
  }

  async #release(id: string, why: string): Promise<Answer | undefined> {
    const held = this.#inForce.get(id);
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

  /** Undoes an entry and closes it with an answer of what was written. */
  async #end(held: Held, closing: (writes: readonly string[]) => Answer): Promise<Answer> {
    const undone = await undoSteps(this.site.system, this.#inForce.unneeded(held.id, held.steps));
    if (!undone.ok) return this.#notUndone(held, undone.message);
    this.#inForce.delete(held.id);
    this.#contention.forget(knobKey(held.id, held.action));
    return this.#close(held, closing(undone.value));
  }

  #notUndone(held: Held, why: string): Answer {
    this.#inForce.holdForUndo(held, this.options.clock.now(), true);
    this.options.logger.error('a change could not be undone, trying again', { id: held.id, why });
    return this.#fail(held, `not undone yet: ${why}`);
  }

  async #repair(id: string): Promise<void> {
    const held = this.#inForce.get(id);
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
    const beside = this.#inForce.stepsBeside(id);
    const { found, failed, ...repaired } = await repairEntry(this.site.system, entry, beside, (next) =>
      this.journal.recordOpen(next),
    );
    if (found.length === 0) return;
    const { kind } = held.action;
    const current: Held = { ...repaired.entry, retryAtMs, grantedAtMs };
    this.#inForce.replace(current);
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

  #refuse(of: Subject, { message, ...details }: NotAdmitted): Answer {
    return this.#answers.add(answer(of, 'refused', message, details));
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
