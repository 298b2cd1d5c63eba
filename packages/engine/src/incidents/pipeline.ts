import { createHash } from 'node:crypto';
import { cleanWindows, judgeOutcome, releaseDue, WINDOWS_TO_RELEASE } from '@sage/actuation';
import type { CausalModel } from '@sage/causal-graph';
import {
  type Clock,
  createRng,
  type Diagnosis,
  errorMessage,
  type Logger,
  type Objective,
  readObjective,
  type Window,
} from '@sage/core';
import type { Controller } from '../acting/controller.js';
import type { JournalEntry } from '../alerts/journal.js';
import type { Alert } from '../alerts/payload.js';
import type { Config } from '../config/config.js';
import type { EngineEvent } from '../events.js';
import type { WindowHistory } from '../learning/history.js';
import type { Parts } from '../parts.js';
import { Serial } from '../storage/serial.js';
import { chooseWindow } from './broken-run.js';
import {
  type IncidentRecord,
  type IncidentSource,
  isResolved,
  newIncident,
  noted,
  publicIncident,
} from './incident.js';
import type { IncidentStore } from './incident-store.js';
import { diagnosisText, judgementText, outcomeText, plannedText } from './words.js';

/** A first diagnosis and two more where it was not determined. */
const MAX_ATTEMPTS = 3;
/** Windows that ended longer before the incident are no evidence of it. */
const EVIDENCE_MS = 10 * 60_000;

export interface PipelineOptions {
  readonly parts: Pick<Parts, 'diagnose'>;
  readonly store: IncidentStore;
  readonly history: WindowHistory;
  readonly controller: Controller;
  readonly model: () => CausalModel | undefined;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (event: EngineEvent) => void;
  /** Told of every diagnosis and of every end; must not take long. */
  readonly publish: (incident: IncidentRecord) => void;
  readonly onDiagnosis: (diagnosis: Diagnosis, seconds: number) => void;
  readonly onUnknownObjective: (qos: string | undefined) => void;
}

/** The way of an incident: reported, opened, diagnosed, published, planned, acted on, observed, closed. */
export class IncidentPipeline {
  readonly #options: PipelineOptions;
  readonly #serial = new Serial();

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** The collector extension saw the objective break; `sinceMs` names the incident. */
  broken(objective: Objective, sinceMs: number): Promise<void> {
    return this.#serial.run(async () => {
      const id = incidentId(['collector', objective.name, String(sinceMs)]);
      const incident = this.#join(objective, id, 'collector', sinceMs, (record) => ({
        ...record,
        collectorBroken: true,
      }));
      if (incident !== undefined) await this.#advance(incident.id);
    });
  }

  restored(objective: Objective): Promise<void> {
    return this.#serial.run(async () => {
      const incident = this.#options.store.openFor(objective.name);
      if (incident === undefined) return;
      this.#change(incident.id, 'the objective holds again', (record) => ({
        ...record,
        collectorBroken: false,
      }));
      await this.#advance(incident.id);
    });
  }

  /** Alertmanager's news. Doing it twice changes nothing, so that a crash in the middle can be made good. */
  alerts(entry: JournalEntry): Promise<void> {
    return this.#serial.run(async () => {
      for (const alert of entry.alerts) {
        const objective = this.#objective(alert.labels.qos);
        if (objective === undefined) {
          this.#options.onUnknownObjective(alert.labels.qos);
          continue;
        }
        const incident =
          alert.status === 'firing' ? this.#fires(objective, alert, entry.receivedMs) : this.#resolves(alert);
        if (incident !== undefined) await this.#advance(incident.id);
      }
      await this.#options.store.save();
    });
  }

  /** A new window: what waits for it goes on. */
  onWindow(window: Window): Promise<void> {
    return this.#serial.run(async () => {
      for (const { id } of this.#options.store.open) await this.#advance(id);
      await this.#release(window);
      await this.#options.store.save();
    });
  }

  async idle(): Promise<void> {
    await this.#serial.idle();
  }

  /** Every step finds out from the record whether it is due, so that it goes on after a restart where it stopped. */
  async #advance(id: string): Promise<void> {
    const { store } = this.#options;
    await store.save();
    const diagnosis = this.#diagnose(store.get(id));
    if (diagnosis !== undefined) {
      await store.save();
      await this.#act(id, diagnosis);
    }
    await this.#observe(id);
    this.#close(id);
    await store.save();
  }

  #diagnose(incident: IncidentRecord | undefined): Diagnosis | undefined {
    const { parts, history, model, config, clock, emit, publish, onDiagnosis } = this.#options;
    const objective = incident && this.#objective(incident.objective);
    if (incident === undefined || objective === undefined || !isDue(incident)) return undefined;
    const settledMs = this.#settledMs();
    if (clock.now() < settledMs) return undefined;
    const windows = history
      .since(incident.openedMs - EVIDENCE_MS)
      .filter(({ startMs }) => settledMs === 0 || startMs >= settledMs);
    const { seconds, slideSeconds } = config().windows;
    const choice = chooseWindow(objective, windows, { windowSeconds: seconds, slideSeconds });
    const current = model();
    if (current === undefined ? incident.diagnosis !== null : choice.kind === 'wait') return undefined;
    const window = choice.kind === 'use' ? choice.window : windows.at(-1);
    const again = incident.diagnosis !== null;
    if (again && (window === undefined || !readObjective(objective, window).broken)) return undefined;
    if (again && window?.endMs === incident.diagnosis?.windowEndMs) return undefined;

    const startedMs = clock.now();
    const diagnosis =
      current === undefined || window === undefined
        ? undetermined(objective, window, clock.now(), 'There is no model yet: Sage is still learning.')
        : this.#try(objective, window, () =>
            parts.diagnose(
              { model: current, window, history: history.normal, objective },
              createRng(seedOf(incident.id)),
            ),
          );
    onDiagnosis(diagnosis, (clock.now() - startedMs) / 1000);
    const record = this.#change(incident.id, diagnosisText(diagnosis), (before) => ({
      ...before,
      diagnosis,
      attempts: before.attempts + (current === undefined ? 0 : 1),
    }));
    publish(record);
    emit({ type: 'diagnosed', incident: publicIncident(record), diagnosis });
    return diagnosis;
  }

  /**
   * For two windows after an action what was queued up drains, and floods whoever is downstream: latency then speaks of
   * the recovery and not of a cause. The time from which windows count again; 0 where nothing was done.
   */
  #settledMs(): number {
    const { store, config } = this.#options;
    const applied = store.all.flatMap(({ actions }) =>
      actions.filter(({ outcomes }) => outcomes.some(({ status }) => status === 'applied')),
    );
    return applied.reduce(
      (latest, { atMs }) => Math.max(latest, atMs + 2 * config().windows.seconds * 1000),
      0,
    );
  }

  /** A bug in the search must not take the watch down with it. */
  #try(objective: Objective, window: Window, diagnose: () => Diagnosis): Diagnosis {
    try {
      return diagnose();
    } catch (error) {
      this.#options.logger.error('the diagnosis failed', {
        objective: objective.name,
        error: errorMessage(error),
      });
      const reason = `The diagnosis failed: ${errorMessage(error)}`;
      return undetermined(objective, window, window.endMs, reason);
    }
  }

  /** `climbing`: what was done did not help, so the same targets get their next rung. */
  async #act(id: string, diagnosis: Diagnosis, climbing = false): Promise<void> {
    const { store, controller, clock, emit } = this.#options;
    for (const culprit of diagnosis.culprits) {
      const touched = climbing ? [] : (store.get(id)?.touched ?? []);
      const inForce = store.all.flatMap((incident) => incident.inForce.map(({ action }) => action));
      const plan = await controller.plan({ diagnosis, culprit, touched, inForce });
      if (plan === undefined) continue;
      this.#change(
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
      const done = controller.acts ? await controller.execute(id, plan) : [];
      const outcomes = done.map(({ outcome }) => outcome);
      const record = this.#change(id, outcomes.map(outcomeText).join('; '), (before) => ({
        ...before,
        actions: [...before.actions, { atMs: clock.now(), plan, outcomes }],
        inForce: [
          ...before.inForce,
          ...done
            .filter(({ outcome }) => outcome.status === 'applied')
            .map(({ node, outcome }) => ({ node, actionId: outcome.id, action: outcome.action })),
        ],
      }));
      emit({ type: 'action', incident: publicIncident(record), plan, outcomes });
    }
  }

  /** Two windows after the last action: did it help? If not, one rung up; if it did harm, back. */
  async #observe(id: string): Promise<void> {
    const { store, controller } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    const last = incident?.actions.findLast(({ outcomes }) =>
      outcomes.some(({ status }) => status === 'applied'),
    );
    const diagnosis = incident?.diagnosis;
    if (!incident || !objective || !last || !diagnosis || incident.judgedMs >= last.atMs) return;
    const after = this.#wholeWindows(last.atMs).map((window) => readObjective(objective, window));
    const before = { observedMs: diagnosis.observedMs, requestsPerSecond: 0, broken: true };
    const judgement = judgeOutcome(before, after);
    if (judgement === 'wait') return;
    const observedMs = after.findLast((reading) => reading.observedMs !== undefined)?.observedMs;
    this.#change(id, judgementText(judgement, observedMs), (record) => ({ ...record, judgedMs: last.atMs }));
    if (judgement === 'climb' && incident.status === 'open') await this.#act(id, diagnosis, true);
    if (judgement === 'undo' && controller.acts) await this.#releaseAll(id);
  }

  /** Windows since a time that do not overlap, oldest first. */
  #wholeWindows(sinceMs: number): readonly Window[] {
    let endMs = sinceMs;
    return this.#options.history.since(sinceMs).filter((window) => {
      if (window.startMs < endMs) return false;
      endMs = window.endMs;
      return true;
    });
  }

  #close(id: string): void {
    const { store, clock, emit, publish } = this.#options;
    const incident = store.get(id);
    if (incident === undefined || incident.status === 'closed' || !isResolved(incident)) return;
    const record = this.#change(id, 'closed', (before) => ({
      ...before,
      status: 'closed',
      closedMs: clock.now(),
    }));
    publish(record);
    emit({ type: 'incident-closed', incident: publicIncident(record) });
  }

  /** Knobs go back when the objective has held for ten windows on end. */
  async #release(latest: Window): Promise<void> {
    const { store, config } = this.#options;
    const sinceMs = latest.endMs - WINDOWS_TO_RELEASE * config().windows.seconds * 1000;
    for (const { id, objective: name, inForce } of store.all) {
      const objective = this.#objective(name);
      if (inForce.length === 0 || objective === undefined) continue;
      const readings = this.#wholeWindows(sinceMs).map((window) => readObjective(objective, window));
      if (releaseDue(cleanWindows(readings))) await this.#releaseAll(id);
    }
  }

  async #releaseAll(id: string): Promise<void> {
    const { store, controller } = this.#options;
    const kept: IncidentRecord['inForce'][number][] = [];
    for (const held of store.get(id)?.inForce ?? []) {
      const released = await controller.release(held.node, held.actionId);
      if (!released.ok) kept.push(held);
      const text = released.ok ? outcomeText(released.value) : `not released: ${released.message}`;
      this.#change(id, text, (record) => record);
    }
    store.update(id, (record) => ({ ...record, inForce: kept }));
  }

  #fires(objective: Objective, alert: Alert, receivedMs: number): IncidentRecord | undefined {
    const alertId = alertIdOf(alert);
    if (this.#options.store.ofAlert(alertId) !== undefined) return this.#options.store.ofAlert(alertId);
    const id = incidentId(['alertmanager', objective.name, alertId]);
    return this.#join(objective, id, 'alertmanager', receivedMs, (record) => ({
      ...record,
      alerts: { ...record.alerts, [alertId]: 'firing' },
    }));
  }

  #resolves(alert: Alert): IncidentRecord | undefined {
    const alertId = alertIdOf(alert);
    const incident = this.#options.store.ofAlert(alertId);
    if (incident === undefined || incident.alerts[alertId] === 'resolved') return incident;
    return this.#change(incident.id, 'Alertmanager says resolved', (record) => ({
      ...record,
      alerts: { ...record.alerts, [alertId]: 'resolved' },
    }));
  }

  /** Into the open incident of the objective, or a new one; undefined where this very one has been and gone. */
  #join(
    objective: Objective,
    id: string,
    source: IncidentSource,
    openedMs: number,
    change: (record: IncidentRecord) => IncidentRecord,
  ): IncidentRecord | undefined {
    const { store, logger, emit } = this.#options;
    const existing = store.openFor(objective.name) ?? store.get(id);
    if (existing?.status === 'closed') return undefined;
    const incident = existing ?? store.put(newIncident(id, objective.name, openedMs));
    const text = `${source === 'collector' ? 'the collector extension' : 'Alertmanager'} reports ${objective.name} broken`;
    const record = this.#change(incident.id, text, (before) =>
      change({ ...before, sources: [...new Set([...before.sources, source])] }),
    );
    if (existing === undefined) {
      logger.warn('incident opened', { incident: id, objective: objective.name, source });
      emit({ type: 'incident-opened', incident: publicIncident(record) });
    }
    return record;
  }

  #change(id: string, text: string, change: (record: IncidentRecord) => IncidentRecord): IncidentRecord {
    const atMs = this.#options.clock.now();
    return this.#options.store.update(id, (record) =>
      text === '' ? change(record) : noted(change(record), atMs, text),
    );
  }

  #objective(name: string | undefined): Objective | undefined {
    return this.#options.config().objectives.find((objective) => objective.name === name);
  }
}

function isDue({ status, diagnosis, attempts }: IncidentRecord): boolean {
  if (status === 'closed') return false;
  if (diagnosis === null) return true;
  return (
    attempts < MAX_ATTEMPTS && (diagnosis.verdict === 'undetermined' || diagnosis.verdict === 'no-violation')
  );
}

function undetermined(
  objective: Objective,
  window: Window | undefined,
  nowMs: number,
  reason: string,
): Diagnosis {
  return {
    objective: objective.name,
    verdict: 'undetermined',
    windowStartMs: window?.startMs ?? nowMs,
    windowEndMs: window?.endMs ?? nowMs,
    observedMs: window && readObjective(objective, window).observedMs,
    thresholdMs: objective.thresholdMs,
    culprits: [],
    services: [],
    resources: [],
    victims: [],
    reason,
  };
}

/** One alert from its start to its end, whoever delivers it. */
function alertIdOf({ fingerprint, startsAt }: Alert): string {
  return `${fingerprint}@${startsAt}`;
}

function incidentId(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** The same incident is diagnosed with the same draws. */
function seedOf(id: string): number {
  return Number.parseInt(id.slice(0, 7), 16);
}
