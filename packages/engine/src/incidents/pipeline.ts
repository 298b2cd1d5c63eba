import { createHash } from 'node:crypto';
import { errorMessage, type Objective, type Outcome, readObjective, type Window } from '@sage/core';
import type { Controller } from '../acting/controller.js';
import type { JournalEntry } from '../alerts/journal.js';
import { type Alert, alertIdOf } from '../alerts/payload.js';
import type { Parts } from '../parts.js';
import { Serial } from '../storage/serial.js';
import type { Decision, DecisionFailure } from './approval.js';
import { Diagnosing, type DiagnosingOptions } from './diagnosing.js';
import {
  type IncidentAction,
  type IncidentRecord,
  type IncidentSource,
  isResolved,
  newIncident,
  noted,
  publicIncident,
} from './incident.js';
import { heldInSilence } from './silence.js';
import { type JudgedAction, Treatment } from './treatment.js';
import { wholeWindows } from './whole-windows.js';

export interface PipelineOptions extends DiagnosingOptions {
  readonly parts: Pick<Parts, 'diagnose' | 'relief' | 'loadRelief'>;
  readonly controller: Controller;
  /** Told of every diagnosis and of every end; must not take long. */
  readonly publish: (incident: IncidentRecord) => void;
  readonly onJudged: (judged: JudgedAction) => void;
  readonly onUnknownObjective: (qos: string | undefined) => void;
}

/** The way of an incident: reported, opened, diagnosed, published, planned, acted on, observed, closed. */
export class IncidentPipeline {
  readonly #options: PipelineOptions;
  readonly #diagnosing: Diagnosing;
  readonly #treatment: Treatment;
  readonly #serial = new Serial();

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#diagnosing = new Diagnosing(options);
    this.#treatment = new Treatment({ ...options, diagnosing: this.#diagnosing });
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
        const incident = alert.status === 'firing' ? this.#fires(alert, entry) : this.#resolves(alert);
        if (incident !== undefined) await this.#advance(incident.id);
      }
      await this.#options.store.save();
    });
  }

  /** A new window: what waits for it goes on. */
  onWindow(window: Window): Promise<void> {
    return this.#serial.run(async () => {
      for (const { id } of this.#options.store.open) {
        await this.#advance(id);
        this.#closeInSilence(id);
      }
      await this.#treatment.onWindow(window);
      await this.#options.store.save();
    });
  }

  /** Of an objective that the configuration has no more, nobody could tell that it holds again. */
  closeUnconfigured(): Promise<void> {
    return this.#serial.run(async () => {
      const { store } = this.#options;
      for (const { id, objective } of store.open) {
        if (this.#objective(objective) !== undefined) continue;
        await this.#treatment.release(id);
        this.#end(id, `closed: the configuration has no objective ${objective} any more`);
      }
      await store.save();
    });
  }

  /**
   * Somebody's word on a plan: on disk when this resolves. What is approved is carried out afterwards, in its turn, and
   * after a restart if need be.
   */
  async decide(
    id: string,
    number: number,
    decided: { readonly decision: Decision; readonly by: string | undefined },
  ): Promise<Outcome<IncidentAction, DecisionFailure>> {
    const entry = await this.#serial.run(() => this.#treatment.decide(id, number, decided));
    if (entry.ok && entry.value.state === 'due') this.#inBackground(() => this.#treatment.resume());
    return entry;
  }

  /** What an earlier run decided and could not do. */
  resume(): Promise<void> {
    return this.#serial.run(() => this.#treatment.resume());
  }

  async idle(): Promise<void> {
    await this.#serial.idle();
  }

  /** Every step finds out from the record whether it is due, so that it goes on after a restart where it stopped. */
  async #advance(id: string): Promise<void> {
    const { store } = this.#options;
    await store.save();
    const { helped, settledMs } = this.#treatment.settling;
    if (helped.size > 0) {
      const diagnosis = this.#diagnosing.meanwhile(id, helped);
      if (diagnosis !== undefined) await this.#treatment.treatMeanwhile(id, diagnosis, helped);
    } else {
      const diagnosis = this.#diagnosing.diagnose(id, settledMs);
      if (diagnosis !== 'awaited') await this.#treatment.treat(id, diagnosis);
    }
    await this.#treatment.observe(id);
    this.#close(id);
    await store.save();
  }

  #close(id: string): void {
    const incident = this.#options.store.get(id);
    if (incident?.status === 'open' && isResolved(incident)) this.#end(id, 'closed');
  }

  /** Only Alertmanager keeps it open, and must have been unable to tell of its end. */
  #closeInSilence(id: string): void {
    const { store, history, config } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    if (incident?.status !== 'open' || objective === undefined || incident.collectorBroken) return;
    const windows = wholeWindows(history, Math.max(incident.openedMs, incident.heardMs));
    const readings = windows.map((window) => readObjective(objective, window));
    if (!heldInSilence(readings, config().windows.seconds)) return;
    this.#end(id, 'closed: no news from Alertmanager; the objective holds');
  }

  #end(id: string, text: string): void {
    const { clock, emit, publish } = this.#options;
    this.#treatment.expire(id);
    const record = this.#change(id, text, (before) => ({
      ...before,
      status: 'closed',
      closedMs: clock.now(),
    }));
    publish(record);
    emit({ type: 'incident-closed', incident: publicIncident(record) });
  }

  /** An alert that fires again after its end, be it with the same start, is another incident. */
  #fires(alert: Alert, { receivedMs, number }: JournalEntry): IncidentRecord | undefined {
    const objective = this.#objective(alert.labels.qos);
    if (objective === undefined) {
      this.#options.onUnknownObjective(alert.labels.qos);
      return undefined;
    }
    const alertId = alertIdOf(alert);
    const known = this.#options.store.ofAlert(alertId);
    if (known?.alerts[alertId] === 'firing') {
      return this.#change(known.id, '', (record) => ({ ...record, heardMs: receivedMs }));
    }
    const id = incidentId(['alertmanager', objective.name, alertId, String(receivedMs), String(number)]);
    return this.#join(objective, id, 'alertmanager', receivedMs, (record) => ({
      ...record,
      alerts: { ...record.alerts, [alertId]: 'firing' },
      heardMs: receivedMs,
    }));
  }

  /** Goes by the incident of the alert: its objective may have another name by now, or none. */
  #resolves(alert: Alert): IncidentRecord | undefined {
    const alertId = alertIdOf(alert);
    const incident = this.#options.store.ofAlert(alertId);
    if (incident === undefined) {
      if (this.#objective(alert.labels.qos) === undefined) this.#options.onUnknownObjective(alert.labels.qos);
      return undefined;
    }
    if (incident.alerts[alertId] === 'resolved') return incident;
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

  #inBackground(work: () => Promise<void>): void {
    this.#serial
      .run(work)
      .catch((error) =>
        this.#options.logger.error('a plan could not be carried out', { error: errorMessage(error) }),
      );
  }

  #change(id: string, text: string, change: (record: IncidentRecord) => IncidentRecord): IncidentRecord {
    const atMs = this.#options.clock.now();
    return this.#options.store.update(id, (record) => noted(change(record), atMs, text));
  }

  #objective(name: string | undefined): Objective | undefined {
    return this.#options.config().objectives.find((objective) => objective.name === name);
  }
}

function incidentId(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}
