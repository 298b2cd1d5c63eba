import {
  cleanWindows,
  comesBack,
  morePatience,
  releaseDue,
  restsUntil,
  type TurnedKnob,
  takesOver,
} from '@sage/actuation';
import { type Clock, type Diagnosis, type Objective, readObjective, type Window } from '@sage/core';
import type { Controller } from '../acting/controller.js';
import type { ExecutedAction } from '../acting/executor.js';
import type { Config } from '../config/config.js';
import type { WindowHistory } from '../learning/history.js';
import { brokenRun } from './broken-run.js';
import { type HeldAction, type IncidentAction, type IncidentRecord, noted } from './incident.js';
import type { IncidentStore } from './incident-store.js';
import { wholeWindows } from './whole-windows.js';
import { leaseEndedText, outcomeText, staysReleasedText } from './words.js';

export interface HoldingOptions {
  readonly store: IncidentStore;
  readonly history: WindowHistory;
  readonly controller: Controller;
  readonly config: () => Config;
  readonly clock: Clock;
}

/** What is in force for incidents, open and closed: kept, taken back one by one, brought back. */
export class Holding {
  readonly #options: HoldingOptions;

  constructor(options: HoldingOptions) {
    this.#options = options;
  }

  /** Of all incidents. */
  get inForce(): readonly TurnedKnob[] {
    return this.#options.store.all.flatMap(({ inForce }) => inForce);
  }

  get resting(): readonly TurnedKnob[] {
    const { store, clock } = this.#options;
    return store.all.flatMap(({ resting }) => resting.filter(({ untilMs }) => untilMs > clock.now()));
  }

  /** The open incident, other than `id`, that has a plan on a service at work: no two treat one target. */
  treatedIn(service: string, id: string): IncidentRecord | undefined {
    return this.#options.store.open.find(
      (incident) =>
        incident.id !== id &&
        (incident.inForce.some((held) => held.service === service) ||
          incident.actions.some(({ plan, state }) => state === 'due' && plan.service === service)),
    );
  }

  /** What closed incidents hold of a service goes on in this one: its ladder is climbed from where it stands. */
  adopt(id: string, service: string): void {
    const { store } = this.#options;
    for (const { id: from, status, patience } of store.all) {
      if (from === id || status === 'open') continue;
      this.#move(from, id, { patience, which: (held) => held.service === service });
    }
  }

  /** What was applied is in force from now on; the knobs of what was not cool down. */
  hold(id: string, { plan, replicasBefore }: IncidentAction, executed: readonly ExecutedAction[]): void {
    const { service, resource } = plan;
    const added = executed
      .filter(({ outcome }) => outcome.status === 'applied')
      .map(({ node, outcome: { id: actionId, action } }): HeldAction => {
        const scales = action.kind === 'scale';
        return {
          node,
          actionId,
          action,
          service,
          resource,
          leaseEndsMs: scales ? null : this.#leaseEndMs(),
          replicasBefore: scales ? replicasBefore : null,
        };
      });
    const overtaken = (held: HeldAction) =>
      added.some(({ node, action }) => node === held.node && takesOver(action, held.action));
    this.#options.store.update(id, (record) => ({
      ...record,
      inForce: [...record.inForce.filter((held) => !overtaken(held)), ...added],
    }));
    const failed = executed.filter(({ outcome: { status } }) =>
      ['refused', 'failed', 'unchanged'].includes(status),
    );
    this.rest(
      id,
      failed.map(({ node, outcome: { action } }) => ({ node, action })),
    );
  }

  rest(id: string, knobs: readonly TurnedKnob[]): void {
    const { store, clock, config } = this.#options;
    const nowMs = clock.now();
    const untilMs = restsUntil(nowMs, config().windows.seconds);
    store.update(id, (record) => ({
      ...record,
      resting: [
        ...record.resting.filter((knob) => knob.untilMs > nowMs),
        ...knobs.map(({ node, action }) => ({ node, action, untilMs })),
      ],
    }));
  }

  /** Newest first; what does not answer stays in force until its lease ends, or until it is asked again. */
  async release(id: string, which: (held: HeldAction) => boolean = () => true): Promise<void> {
    const held = this.#options.store.get(id)?.inForce.filter(which) ?? [];
    for (const each of held.toReversed()) await this.#releaseOne(id, each);
  }

  /** A new window: leases are renewed, what has ended is forgotten, what is needed no more is released. */
  async onWindow(latest: Window): Promise<void> {
    const { store } = this.#options;
    for (const { id, inForce, released } of store.all) {
      if (inForce.length === 0 && released === null) continue;
      await this.#renewLeases(id, latest);
      this.#forgetEnded(id);
      await this.#releaseNext(id);
    }
  }

  /**
   * The objective of an open incident broke soon after something was released: what neither the diagnosis since then nor the
   * time that it held without it clears has to come back, and none of it is waited for any more. The plans that bring it
   * back, to be carried out; empty where nothing was released lately.
   */
  comeBack(id: string): readonly Pick<IncidentAction, 'plan' | 'replicasBefore'>[] {
    const { store, history, controller } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    if (incident?.status !== 'open' || objective === undefined) return [];
    if (controller.modeOf(objective.name) === 'observe') return [];
    const missed = store.all.flatMap((origin): readonly HeldAction[] => {
      const { released } = origin;
      if (origin.objective !== objective.name || released === null) return [];
      if (!this.#brokenSince(objective, released.atMs)) return [];
      store.update(origin.id, (record) => ({ ...record, released: null }));
      const diagnosis = diagnosisSince(incident, released.atMs);
      const since = wholeWindows(history, released.atMs).map((window) => readObjective(objective, window));
      if (!comesBack(released.held, diagnosis, since)) {
        this.#change(id, staysReleasedText(released.held, diagnosis?.culprits ?? []), (record) => record);
        return [];
      }
      if (origin.id !== id) this.#move(origin.id, id, { patience: origin.patience, which: () => true });
      return [released.held];
    });
    if (missed.length > 0) {
      store.update(id, (record) => ({ ...record, patience: morePatience(record.patience) }));
    }
    return missed.map(({ node, action, service, resource, replicasBefore }) => {
      const actions = [{ node, action, reason: `${objective.name} broke without it` }];
      return {
        plan: { objective: objective.name, service, resource, actions, recommendations: [] },
        replicasBefore,
      };
    });
  }

  #move(
    from: string,
    to: string,
    { patience, which }: { readonly patience: number; readonly which: (held: HeldAction) => boolean },
  ): void {
    const { store } = this.#options;
    const moved = store.get(from)?.inForce.filter(which) ?? [];
    store.update(from, (record) => ({
      ...record,
      inForce: record.inForce.filter((held) => !moved.includes(held)),
    }));
    store.update(to, (record) => ({
      ...record,
      inForce: [...moved, ...record.inForce],
      patience: Math.max(record.patience, patience),
    }));
  }

  /** In the trigger's own terms, over windows that ended since a time. */
  #brokenSince(objective: Objective, sinceMs: number): boolean {
    const { history, config } = this.#options;
    return brokenRun(objective, history.since(sinceMs)) >= config().trigger.brokenWindows;
  }

  /** While an incident lasts, and until requests have shown that it is over, at half the time of a lease. */
  async #renewLeases(id: string, latest: Window): Promise<void> {
    const { store, controller, clock } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    if (!incident || !objective || controller.modeOf(objective.name) === 'observe') return;
    if (incident.status === 'closed' && readObjective(objective, latest).observedMs === undefined) return;
    const renewFromMs = clock.now() + 500 * controller.leaseSeconds;
    for (const held of incident.inForce) {
      const { leaseEndsMs } = held;
      if (leaseEndsMs === null || leaseEndsMs <= clock.now() || leaseEndsMs > renewFromMs) continue;
      const renewed = await controller.executor.renew(held);
      if (renewed === 'unknown') continue;
      const endMs = renewed === 'renewed' ? this.#leaseEndMs() : clock.now();
      store.update(id, (record) => ({
        ...record,
        inForce: record.inForce.map((other) =>
          other.actionId === held.actionId ? { ...other, leaseEndsMs: endMs } : other,
        ),
      }));
    }
  }

  /** The agents have undone it by themselves, so its rung may be taken again. */
  #forgetEnded(id: string): void {
    const { store, clock } = this.#options;
    const ended =
      store
        .get(id)
        ?.inForce.filter(({ leaseEndsMs }) => leaseEndsMs !== null && leaseEndsMs <= clock.now()) ?? [];
    if (ended.length === 0) return;
    this.#change(id, ended.map(leaseEndedText).join('; '), (record) => ({
      ...record,
      inForce: record.inForce.filter((held) => !ended.includes(held)),
    }));
  }

  /** The newest, once the objective has held for long enough since the last thing that was done or undone. */
  async #releaseNext(id: string): Promise<void> {
    const { store, history, clock } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    if (incident === undefined || objective === undefined) return;
    const { actions, released, inForce, patience } = incident;
    const sinceMs = Math.max(released?.atMs ?? 0, ...actions.map(({ doneMs }) => doneMs ?? 0));
    const readings = wholeWindows(history, sinceMs).map((window) => readObjective(objective, window));
    if (!releaseDue(cleanWindows(readings), patience)) return;
    const newest = inForce.at(-1);
    const gone = newest !== undefined && (await this.#releaseOne(id, newest));
    store.update(id, (record) => ({
      ...record,
      released: gone ? { atMs: clock.now(), held: newest } : null,
      patience: newest === undefined ? 1 : record.patience,
    }));
  }

  async #releaseOne(id: string, held: HeldAction): Promise<boolean> {
    const released = await this.#options.controller.executor.release(held);
    const text = released.ok ? outcomeText(released.value) : `not released: ${released.message}`;
    this.#change(id, text, (record) => ({
      ...record,
      inForce: released.ok
        ? record.inForce.filter(({ actionId }) => actionId !== held.actionId)
        : record.inForce,
    }));
    return released.ok;
  }

  #leaseEndMs(): number {
    return this.#options.clock.now() + 1000 * this.#options.controller.leaseSeconds;
  }

  #change(id: string, text: string, change: (record: IncidentRecord) => IncidentRecord): void {
    const atMs = this.#options.clock.now();
    this.#options.store.update(id, (record) => noted(change(record), atMs, text));
  }

  #objective(name: string): Objective | undefined {
    return this.#options.config().objectives.find((objective) => objective.name === name);
  }
}

/** One of a window that ended before says nothing of what came after. */
function diagnosisSince({ diagnosis }: IncidentRecord, sinceMs: number): Diagnosis | undefined {
  return diagnosis !== null && diagnosis.windowEndMs > sinceMs ? diagnosis : undefined;
}
