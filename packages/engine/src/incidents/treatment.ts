import { judgeOutcome, WINDOWS_TO_JUDGE } from '@sage/actuation';
import type { CausalModel } from '@sage/causal-graph';
import {
  type ActionOutcome,
  type ActionPlan,
  type Clock,
  type Diagnosis,
  failure,
  type Logger,
  type Objective,
  type ObjectiveReading,
  type Outcome,
  readObjective,
  type Window,
} from '@sage/core';
import { type Aim, aimsOf } from '../acting/aims.js';
import type { Controller, MadePlan } from '../acting/controller.js';
import type { Config } from '../config/config.js';
import type { EngineEvent } from '../events.js';
import type { WindowHistory } from '../learning/history.js';
import type { Parts } from '../parts.js';
import { type Decision, type DecisionFailure, decide } from './approval.js';
import type { Diagnosing } from './diagnosing.js';
import { Holding } from './holding.js';
import {
  type IncidentAction,
  type IncidentRecord,
  isApplied,
  lastRoundOf,
  noted,
  type PlanState,
  publicIncident,
  seedOf,
} from './incident.js';
import type { IncidentStore } from './incident-store.js';
import { type Settling, settlingOf } from './settling.js';
import { wholeWindows } from './whole-windows.js';
import { decisionText, judgementText, outcomeText, planText } from './words.js';

/** What happened two windows after an action, beside what the model expected. */
export interface JudgedAction {
  readonly objective: string;
  readonly expectedMs: number | undefined;
  readonly observedMs: number;
}

export interface TreatmentOptions {
  readonly parts: Pick<Parts, 'relief' | 'loadRelief'>;
  readonly store: IncidentStore;
  readonly history: WindowHistory;
  readonly controller: Controller;
  readonly model: () => CausalModel | undefined;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (event: EngineEvent) => void;
  readonly onJudged: (judged: JudgedAction) => void;
  readonly diagnosing: Pick<Diagnosing, 'standing'>;
}

interface ActOptions {
  /** Default: a new one. */
  readonly round?: number;
  /** Services for which something was done or has come back just now: more of it is not needed yet. */
  readonly helped?: ReadonlySet<string>;
}

/** Where agents refuse one rung after the other, so many are tried at once. */
const MOST_TRIES = 4;

/** What is done about incidents: planned, approved, carried out, judged, taken further or taken back. */
export class Treatment {
  readonly #options: TreatmentOptions;
  readonly #holding: Holding;

  constructor(options: TreatmentOptions) {
    this.#options = options;
    this.#holding = new Holding(options);
  }

  /** See `Settling`. */
  get settling(): Settling {
    const { store, config, clock } = this.#options;
    return settlingOf(store.all, { windowSeconds: config().windows.seconds, nowMs: clock.now() });
  }

  /**
   * Brings back what was released too early, and helps the culprits of a new diagnosis, if there is one, beside it. Where it
   * names none, what came back shall first show whether it was that.
   */
  async treat(id: string, diagnosis: Diagnosis | undefined): Promise<void> {
    const { store } = this.#options;
    const round = 1 + lastRoundOf(store.get(id));
    const due = this.#holding.comeBack(id).map((back) => ({
      service: back.plan.service,
      number: this.#add(id, back, { state: 'due', round }),
    }));
    // One write with the diagnosis: a crash leaves no diagnosis of which it is not known what it means for what was released.
    await store.save();
    const helped = new Set<string>();
    for (const { service, number } of due) {
      if ((await this.carryOut(id, number)).some(isEffective)) helped.add(service);
    }
    if (diagnosis === undefined || (helped.size > 0 && diagnosis.verdict !== 'culprits')) return;
    await this.#act(id, diagnosis, { round, helped });
  }

  /**
   * Helps those of a diagnosis for whom nothing was done a moment ago. Where what was done about the same objective waits to
   * be judged, it is judged together with that.
   */
  async treatMeanwhile(id: string, diagnosis: Diagnosis, helped: ReadonlySet<string>): Promise<void> {
    const incident = this.#options.store.get(id);
    const last = lastRoundOf(incident);
    const waits = (incident?.actions ?? []).some(
      (entry) => entry.round === last && isApplied(entry) && (entry.doneMs ?? 0) > (incident?.judgedMs ?? 0),
    );
    await this.#act(id, diagnosis, { round: waits ? last : last + 1, helped });
  }

  /** Decides a plan that waits for it. On disk when this resolves; an approved plan is then to be carried out. */
  async decide(
    id: string,
    number: number,
    { decision, by }: { readonly decision: Decision; readonly by: string | undefined },
  ): Promise<Outcome<IncidentAction, DecisionFailure>> {
    const { store, controller } = this.#options;
    const incident = store.get(id);
    if (incident === undefined) return failure('not-found', `there is no incident ${id}`);
    const service = incident.actions[number - 1]?.plan.service ?? '';
    const decided = decide(incident, number, decision, {
      mode: controller.modeOf(incident.objective),
      treatedIn: this.#holding.treatedIn(service, id)?.id,
    });
    if (!decided.ok || decided.value === incident.actions[number - 1]) return decided;
    this.#replace(id, number, decided.value, decisionText(decision, number, by));
    await store.save();
    return decided;
  }

  /**
   * What was decided and not done yet, be it because of a crash. Where nothing comes of it, the next rung is looked
   * for.
   */
  async resume(): Promise<void> {
    const { store } = this.#options;
    for (const { id, actions } of store.all) {
      for (const [index, { state }] of actions.entries()) {
        if (state !== 'due') continue;
        const outcomes = await this.carryOut(id, index + 1);
        const incident = store.get(id);
        if (incident?.status !== 'open' || incident.diagnosis === null || outcomes.some(isEffective))
          continue;
        await this.#act(id, incident.diagnosis);
      }
    }
  }

  /** A plan that is due, once; its outcomes. */
  async carryOut(id: string, number: number): Promise<IncidentAction['outcomes']> {
    const { store, controller, clock, emit } = this.#options;
    const incident = store.get(id);
    const entry = incident?.actions[number - 1];
    if (!incident || entry?.state !== 'due') return [];
    const { plan, replicasBefore } = entry;
    const executed = await controller.executor.execute(plan, { incident: id, step: number, replicasBefore });
    const outcomes = executed.map(({ outcome }) => outcome);
    const done: IncidentAction = {
      ...entry,
      state: 'done',
      doneMs: clock.now(),
      beforeMs: this.#latestReading(incident)?.observedMs ?? null,
      outcomes,
    };
    const record = this.#replace(id, number, done, outcomes.map(outcomeText).join('; '));
    this.#holding.hold(id, entry, executed);
    await store.save();
    emit({ type: 'action', incident: publicIncident(record), plan, outcomes });
    // Nobody can climb on in an incident that has ended meanwhile, and nobody would judge it.
    if (record.status === 'closed') await this.#takeBack(id, done);
    return outcomes;
  }

  /**
   * Two windows after what was done last: did it help? If not, more of it or one rung up, by a diagnosis of the time since
   * if that says whom to help; if it did harm, back.
   */
  async observe(id: string): Promise<void> {
    const { store, history, controller, clock, onJudged } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    const { diagnosis } = incident ?? {};
    if (!incident || !objective || !diagnosis) return;
    await this.#takeTurn(incident, diagnosis);
    const round = lastRoundOf(incident);
    const done = incident.actions.filter((entry) => entry.round === round && isApplied(entry));
    const last = done.at(-1);
    if (last === undefined || last.doneMs === null) return;
    const isFirst = incident.judgedMs < last.doneMs;
    if (!isFirst && incident.status === 'closed') return;
    const sinceMs = Math.max(last.doneMs, incident.judgedMs);
    const after = wholeWindows(history, sinceMs).map((window) => readObjective(objective, window));
    const beforeMs = done[0]?.beforeMs ?? diagnosis.observedMs;
    const before = { observedMs: beforeMs, requestsPerSecond: 0, broken: true };
    const judgement = judgeOutcome(before, after);
    const seen = after.filter(({ observedMs }) => observedMs !== undefined);
    // Kept once, it is judged again only by as many windows as it took to believe that it helped.
    const relapsed = seen.slice(-WINDOWS_TO_JUDGE).every(({ broken }) => broken);
    if (judgement === 'wait' || (!isFirst && !relapsed)) return;
    const observedMs = seen.at(-1)?.observedMs ?? 0;
    this.#change(id, judgementText(judgement, observedMs, last.plan.expectedMs), (record) => ({
      ...record,
      judgedMs: clock.now(),
    }));
    if (isFirst) onJudged({ objective: objective.name, expectedMs: last.plan.expectedMs, observedMs });
    if (incident.status === 'closed' || controller.modeOf(objective.name) === 'observe') return;
    if (judgement === 'climb') {
      const standing = this.#options.diagnosing.standing(id, diagnosis, this.settling.settledMs);
      if (standing !== undefined) await this.#act(id, standing);
    }
    if (judgement === 'undo') {
      for (const entry of incident.actions) if (entry.round === round) await this.#takeBack(id, entry);
    }
  }

  /** Goes on with everything that waits for windows, and takes back what is due. */
  async onWindow(latest: Window): Promise<void> {
    await this.resume();
    for (const { id, status, inForce } of this.#options.store.all) {
      if (status === 'closed' && inForce.length > 0) await this.observe(id);
    }
    await this.#holding.onWindow(latest);
  }

  /** Takes back all that was done in an incident. */
  release(id: string): Promise<void> {
    return this.#holding.release(id);
  }

  /** What waited for approval is overtaken: other plans are made, or the incident is closed. */
  expire(id: string): void {
    this.#options.store.update(id, (record) => ({
      ...record,
      waiting: false,
      actions: record.actions.map((entry) =>
        entry.state === 'proposed' ? { ...entry, state: 'stale' } : entry,
      ),
    }));
  }

  /** A plan for each culprit, or the next one where what was done did not help: carried out, or put up for approval. */
  async #act(id: string, diagnosis: Diagnosis, options: ActOptions = {}): Promise<void> {
    const { store, controller } = this.#options;
    const incident = store.get(id);
    if (incident === undefined || controller.modeOf(incident.objective) === 'observe') return;
    const { round = 1 + lastRoundOf(incident), helped } = options;
    this.expire(id);
    for (const aim of this.#aims(incident, diagnosis)) {
      const { service } = aim.culprit;
      // Of one that is treated elsewhere it is said that this incident waits for its turn.
      if (helped?.has(service) && this.#holding.treatedIn(service, id) === undefined) continue;
      await this.#help(id, diagnosis, { aim, round });
    }
  }

  /** Plans, and plans again while all that comes of it is refused. */
  async #help(
    id: string,
    diagnosis: Diagnosis,
    { aim, round }: { readonly aim: Aim; readonly round: number },
  ): Promise<void> {
    const { store, controller } = this.#options;
    const { service } = aim.culprit;
    const treated = this.#holding.treatedIn(service, id);
    if (treated !== undefined) {
      const text = `${service} is being treated in incident ${treated.id} (${treated.objective}): nothing is done twice`;
      this.#change(id, text, (record) => ({ ...record, waiting: true }));
      return;
    }
    this.#holding.adopt(id, service);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { inForce, resting } = this.#holding;
      const made = await controller.plan({ diagnosis, ...aim, inForce, resting });
      if (isSaid(store.get(id), made.plan)) return;
      const acts = controller.modeOf(diagnosis.objective) === 'act';
      const state = made.plan.actions.length === 0 ? 'advice' : acts ? 'due' : 'proposed';
      const number = this.#add(id, made, { state, round });
      // Before the first knob is turned: after a crash it is known what may be in force.
      await store.save();
      if (state !== 'due') {
        const record = store.get(id);
        if (record !== undefined) {
          this.#options.emit({
            type: 'action',
            incident: publicIncident(record),
            plan: made.plan,
            outcomes: [],
          });
        }
        return;
      }
      const outcomes = await this.carryOut(id, number);
      if (outcomes.some(isEffective)) return;
    }
  }

  /** The other incident that treated its culprit is over, or holds nothing of it any more, and it is still broken. */
  async #takeTurn(incident: IncidentRecord, diagnosis: Diagnosis): Promise<void> {
    if (incident.status === 'closed' || !incident.waiting) return;
    const free = diagnosis.culprits.every(
      ({ service }) => this.#holding.treatedIn(service, incident.id) === undefined,
    );
    if (free && this.#latestReading(incident)?.broken === true) await this.#act(incident.id, diagnosis);
  }

  async #takeBack(id: string, { outcomes, plan }: IncidentAction): Promise<void> {
    const ids = new Set(outcomes.map((outcome) => outcome.id));
    await this.#holding.release(id, ({ actionId }) => ids.has(actionId));
    this.#holding.rest(id, plan.actions);
  }

  #aims(incident: IncidentRecord, diagnosis: Diagnosis): readonly Aim[] {
    const { parts, model, history, config, logger } = this.#options;
    const objective = this.#objective(incident.objective);
    if (objective === undefined) return [];
    const windows = history.since(diagnosis.windowStartMs);
    return aimsOf(diagnosis, {
      parts,
      model: model(),
      window: windows.findLast((window) => readObjective(objective, window).broken),
      history: history.normal,
      objective,
      probability: config().actuation.minProbability,
      seed: seedOf(incident.id),
      logger,
    });
  }

  /** Its number. */
  #add(
    id: string,
    { plan, replicasBefore }: MadePlan,
    { state, round }: { readonly state: PlanState; readonly round: number },
  ): number {
    const entry: IncidentAction = {
      atMs: this.#options.clock.now(),
      plan,
      state,
      round,
      approved: false,
      doneMs: null,
      beforeMs: null,
      replicasBefore,
      outcomes: [],
    };
    const number = 1 + (this.#options.store.get(id)?.actions.length ?? 0);
    const text = planText(plan, state, number);
    this.#change(id, text, (record) => ({ ...record, actions: [...record.actions, entry] }));
    return number;
  }

  #replace(id: string, number: number, entry: IncidentAction, text: string): IncidentRecord {
    return this.#change(id, text, (record) => ({
      ...record,
      actions: record.actions.map((each, index) => (index === number - 1 ? entry : each)),
    }));
  }

  #latestReading(incident: IncidentRecord): ObjectiveReading | undefined {
    const objective = this.#objective(incident.objective);
    const { latest } = this.#options.history;
    return objective && latest && readObjective(objective, latest);
  }

  #change(id: string, text: string, change: (record: IncidentRecord) => IncidentRecord): IncidentRecord {
    const atMs = this.#options.clock.now();
    return this.#options.store.update(id, (record) => noted(change(record), atMs, text));
  }

  #objective(name: string): Objective | undefined {
    return this.#options.config().objectives.find((objective) => objective.name === name);
  }
}

/** In a dry run it would have been. */
function isEffective({ status }: ActionOutcome): boolean {
  return status === 'applied' || status === 'dry-run';
}

/** The same advice for the same service, but for its numbers, need not be given twice in a row. */
function isSaid(incident: IncidentRecord | undefined, plan: ActionPlan): boolean {
  const last = incident?.actions.findLast((entry) => entry.plan.service === plan.service);
  return plan.actions.length === 0 && last?.state === 'advice' && inWords(last.plan) === inWords(plan);
}

function inWords({ recommendations }: ActionPlan): string {
  return recommendations.join().replace(/\d+(\.\d+)?/g, '');
}
