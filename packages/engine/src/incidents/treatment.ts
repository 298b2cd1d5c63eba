import {
  cleanWindows,
  judgeOutcome,
  releaseDue,
  WINDOWS_TO_JUDGE,
  WINDOWS_TO_RELEASE,
} from '@sage/actuation';
import { type Clock, type Diagnosis, type Objective, readObjective, type Window } from '@sage/core';
import type { Controller } from '../acting/controller.js';
import type { Config } from '../config/config.js';
import type { EngineEvent } from '../events.js';
import type { WindowHistory } from '../learning/history.js';
import { type HeldAction, type IncidentRecord, noted, publicIncident } from './incident.js';
import type { IncidentStore } from './incident-store.js';
import { wholeWindows } from './whole-windows.js';
import { judgementText, leaseEndedText, outcomeText, plannedText } from './words.js';

export interface TreatmentOptions {
  readonly store: IncidentStore;
  readonly history: WindowHistory;
  readonly controller: Controller;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly emit: (event: EngineEvent) => void;
}

/** What is done about incidents: planned, carried out, judged, taken further or taken back. */
export class Treatment {
  readonly #options: TreatmentOptions;

  constructor(options: TreatmentOptions) {
    this.#options = options;
  }

  /**
   * For two windows after an action what was queued up drains, and floods whoever is downstream: latency then speaks of
   * the recovery and not of a cause. The time from which windows count again; 0 where nothing was done.
   */
  get settledMs(): number {
    const { store, config } = this.#options;
    const applied = store.all.flatMap(({ actions }) =>
      actions.filter(({ outcomes }) => outcomes.some(({ status }) => status === 'applied')),
    );
    return applied.reduce(
      (latest, { atMs }) => Math.max(latest, atMs + WINDOWS_TO_JUDGE * config().windows.seconds * 1000),
      0,
    );
  }

  /** `climbing`: what was done did not help, so the same targets get their next rung. */
  async act(id: string, diagnosis: Diagnosis, climbing = false): Promise<void> {
    const { store, controller, clock, emit } = this.#options;
    for (const culprit of diagnosis.culprits) {
      const touched = climbing ? [] : (store.get(id)?.touched ?? []);
      const inForce = store.all.flatMap((incident) => incident.inForce.map(({ action }) => action));
      const plan = await controller.plan({ diagnosis, culprit, touched, inForce });
      if (plan === undefined) continue;
      const planned = this.#change(
        id,
        [...plan.actions.map(plannedText), ...plan.recommendations].join('; ') ||
          'nothing can be done by itself',
        (record) => ({
          ...record,
          touched: controller.acts
            ? [...record.touched, ...plan.actions.map(({ node, action }) => `${node}/${action.target}`)]
            : record.touched,
        }),
      );
      // Before the first knob is turned: after a crash no target is touched a second time.
      await store.save();
      const step = planned.actions.length + 1;
      const done = controller.acts ? await controller.execute(plan, { incident: id, step }) : [];
      const outcomes = done.map(({ outcome }) => outcome);
      const leaseEndsMs = this.#leaseEndMs();
      const record = this.#change(id, outcomes.map(outcomeText).join('; '), (before) => ({
        ...before,
        actions: [...before.actions, { atMs: clock.now(), plan, outcomes }],
        inForce: [
          ...before.inForce,
          ...done
            .filter(({ outcome }) => outcome.status === 'applied')
            .map(({ node, outcome: { id: actionId, action } }) => ({ node, actionId, action, leaseEndsMs })),
        ],
      }));
      emit({ type: 'action', incident: publicIncident(record), plan, outcomes });
    }
  }

  /** Two windows after the last action: did it help? If not, one rung up; if it did harm, back. */
  async observe(id: string): Promise<void> {
    const { store, history, controller } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    const last = incident?.actions.findLast(({ outcomes }) =>
      outcomes.some(({ status }) => status === 'applied'),
    );
    const diagnosis = incident?.diagnosis;
    if (!incident || !objective || !last || !diagnosis || incident.judgedMs >= last.atMs) return;
    const after = wholeWindows(history, last.atMs).map((window) => readObjective(objective, window));
    const before = { observedMs: diagnosis.observedMs, requestsPerSecond: 0, broken: true };
    const judgement = judgeOutcome(before, after);
    if (judgement === 'wait') return;
    const observedMs = after.findLast((reading) => reading.observedMs !== undefined)?.observedMs;
    this.#change(id, judgementText(judgement, observedMs), (record) => ({ ...record, judgedMs: last.atMs }));
    if (judgement === 'climb' && incident.status === 'open') await this.act(id, diagnosis, true);
    if (judgement === 'undo' && controller.acts) await this.release(id);
  }

  /** Takes back what is due: knobs go back when the objective has held for ten windows on end. */
  async onWindow(latest: Window): Promise<void> {
    const { store, history, config } = this.#options;
    await this.#renewLeases();
    this.#forgetEnded();
    const sinceMs = latest.endMs - WINDOWS_TO_RELEASE * config().windows.seconds * 1000;
    for (const { id, objective: name, inForce } of store.all) {
      const objective = this.#objective(name);
      if (inForce.length === 0 || objective === undefined) continue;
      const readings = wholeWindows(history, sinceMs).map((window) => readObjective(objective, window));
      if (releaseDue(cleanWindows(readings))) await this.release(id);
    }
  }

  /** Takes back all that was done in an incident; what no agent answers for stays in force until its lease ends. */
  async release(id: string): Promise<void> {
    const { store, controller } = this.#options;
    const kept: HeldAction[] = [];
    for (const held of store.get(id)?.inForce ?? []) {
      const released = await controller.release(held.node, held.actionId);
      if (!released.ok) kept.push(held);
      const text = released.ok ? outcomeText(released.value) : `not released: ${released.message}`;
      this.#change(id, text, (record) => record);
    }
    store.update(id, (record) => ({ ...record, inForce: kept }));
  }

  /** While an incident lasts, what was done about it stays: leases are renewed at half their time. */
  async #renewLeases(): Promise<void> {
    const { store, controller, clock } = this.#options;
    if (!controller.acts) return;
    const renewFromMs = clock.now() + 500 * controller.leaseSeconds;
    for (const { id, inForce } of store.open) {
      const due = inForce.filter(
        ({ leaseEndsMs }) => clock.now() < leaseEndsMs && leaseEndsMs <= renewFromMs,
      );
      for (const held of due) {
        if (!(await controller.renew(held))) continue;
        const leaseEndsMs = this.#leaseEndMs();
        store.update(id, (record) => ({
          ...record,
          inForce: record.inForce.map((other) =>
            other.actionId === held.actionId ? { ...other, leaseEndsMs } : other,
          ),
        }));
      }
    }
  }

  #leaseEndMs(): number {
    return this.#options.clock.now() + 1000 * this.#options.controller.leaseSeconds;
  }

  /** The agents have undone it by themselves, so its rung may be taken again. */
  #forgetEnded(): void {
    const { store, clock } = this.#options;
    for (const { id, inForce } of store.all) {
      const ended = inForce.filter(({ leaseEndsMs }) => leaseEndsMs <= clock.now());
      if (ended.length === 0) continue;
      this.#change(id, ended.map(leaseEndedText).join('; '), (record) => ({
        ...record,
        inForce: record.inForce.filter((held) => !ended.includes(held)),
      }));
    }
  }

  #change(id: string, text: string, change: (record: IncidentRecord) => IncidentRecord): IncidentRecord {
    const atMs = this.#options.clock.now();
    return this.#options.store.update(id, (record) => noted(change(record), atMs, text));
  }

  #objective(name: string): Objective | undefined {
    return this.#options.config().objectives.find((objective) => objective.name === name);
  }
}
