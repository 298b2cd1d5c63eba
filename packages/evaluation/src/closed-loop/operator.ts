import {
  cleanWindows,
  comesBack,
  isSureMeanwhile,
  judgeOutcome,
  morePatience,
  type Placement,
  place,
  planActions,
  releaseDue,
  restsUntil,
  standingDiagnosis,
  type TurnedKnob,
  takesOver,
  WINDOWS_TO_JUDGE,
} from '@sage/actuation';
import { type CausalGraph, calledBy } from '@sage/causal-graph';
import { ObjectiveWatcher } from '@sage/collector-extension';
import {
  type Action,
  type Diagnosis,
  type Objective,
  type Resource,
  readObjective,
  type ScaleBounds,
  type Window,
} from '@sage/core';
import type { Controls } from '@sage/simulator';
import type { Observed } from '../observed.js';
import { worstOf } from '../suites/simulated-objectives.js';
import type { UnderWay } from '../suites/simulated-run.js';
import type { Aim, Policy } from './policy.js';
import { type Held, Treatment } from './treatment.js';

/** Something that was turned, or turned back. */
export interface Deed {
  readonly atMs: number;
  readonly objective: string;
  readonly service: string;
  readonly resource: Resource;
  readonly kind: Action['kind'];
  /** `undone`: it did harm. `back`: the objective broke soon after it was released. */
  readonly what: 'done' | 'released' | 'undone' | 'back';
}

export interface OperatorOptions {
  readonly policy: Policy;
  readonly objectives: readonly Objective[];
  readonly windowSeconds: number;
  /** What the policy is shown of a window that is asked about. */
  readonly observe: (window: Window, objective: Objective) => Observed;
}

/** As an installation is configured unless it says otherwise, with room to scale. */
const MOST_ACTIONS = 8;
const SCALE: ScaleBounds = { min: 1, max: 4 };

/**
 * What goes from a broken objective to knobs: a policy says whom to help, and everything after that is what Sage does of it.
 * The planner chooses the rung; after two windows it is judged, and taken back where it did harm. Every window that breaks an
 * objective is asked about anew: while something waits to be judged, whoever else is named is helped, unless what drains may
 * flood him; otherwise the same answer, or none while a former one stands, means more of it and then the next rung. After
 * ten clean windows the newest action is released, and comes back if the objective breaks without it and neither the answer to
 * that nor the time until then clears it.
 */
export class Operator {
  readonly deeds: Deed[] = [];
  readonly #options: OperatorOptions;
  readonly #watcher = new ObjectiveWatcher({ brokenWindows: 1 });
  #treatments: readonly Treatment[] = [];
  readonly #windows: Window[] = [];
  #resting: (TurnedKnob & { readonly untilMs: number })[] = [];
  #made = 0;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  onWindow(window: Window, { controls, nowMs }: UnderWay): void {
    this.#windows.push(window);
    this.#resting = this.#resting.filter(({ untilMs }) => untilMs > nowMs);
    const hands: Hands = { window, controls, nowMs, placement: place(controls.read(), controls.instances()) };
    this.#openAndClose(window);
    for (const treatment of this.#treatments) this.#judge(treatment, hands);
    const awaited = this.#treatments.flatMap((treatment) => treatment.awaited);
    const answers = this.#ask(hands);
    if (awaited.length > 0) {
      this.#actMeanwhile(answers, awaited, hands);
    } else {
      for (const treatment of new Set([...answers.keys(), ...this.#treatments])) {
        this.#treat(treatment, answers.get(treatment), hands);
      }
    }
    for (const treatment of this.#treatments) this.#release(treatment, hands);
  }

  #openAndClose(window: Window): void {
    const { objectives } = this.#options;
    this.#watcher.observe(window, objectives);
    for (const treatment of this.#treatments) {
      treatment.open &&= this.#watcher.isBroken(treatment.objective);
    }
    this.#treatments = this.#treatments.filter(({ isOver }) => !isOver);
    for (const objective of objectives) if (this.#watcher.isBroken(objective)) this.#treatmentOf(objective);
  }

  /** The open one, or a new one. */
  #treatmentOf(objective: Objective): Treatment {
    const found = this.#treatments.find((treatment) => treatment.open && treatment.objective === objective);
    if (found !== undefined) return found;
    const treatment = new Treatment(objective);
    this.#treatments = [...this.#treatments, treatment];
    return treatment;
  }

  /**
   * About all objectives on the same window, before anything is done; where something waits to be judged, not of windows that
   * show what was before it.
   */
  #ask({ window }: Hands): ReadonlyMap<Treatment, Answered> {
    const { policy, objectives, observe } = this.#options;
    const asked = policy.asksAlways
      ? [worstOf(window, objectives).objective]
      : objectives.filter((objective) => readObjective(objective, window).broken);
    const treatments = asked.map((objective) => this.#treatmentOf(objective));
    const told = treatments.filter(
      ({ pending }) => pending === undefined || window.startMs >= pending.doneMs,
    );
    return new Map(
      told.map((treatment) => {
        const observed = observe(window, treatment.objective);
        const latest = policy.diagnose(observed);
        const standing = this.#standing(treatment, latest, observed);
        const aims = standing === undefined ? [] : policy.aims(standing, observed);
        return [treatment, { latest, standing: standing ?? latest, aims, graph: observed.graph }];
      }),
    );
  }

  #standing(
    { diagnosis: former, held, changedMs }: Treatment,
    latest: Diagnosis,
    { graph, window }: Observed,
  ): Diagnosis | undefined {
    if (former === undefined) return latest;
    const settledMs = changedMs + 1000 * WINDOWS_TO_JUDGE * this.#options.windowSeconds;
    const helped = window.startMs < settledMs ? held.map(({ service }) => service) : [];
    return standingDiagnosis(former, latest, calledBy(graph, helped));
  }

  /** What comes back is judged before anything else is tried, unless culprits are named beside it. */
  #treat(treatment: Treatment, answered: Answered | undefined, hands: Hands): void {
    const back = this.#bringBack(treatment, answered?.latest, hands);
    const acts = answered !== undefined && (back.length === 0 || answered.latest.verdict === 'culprits');
    const added = acts ? this.#act(treatment, answered, back, hands) : [];
    this.#pend(treatment, [...back, ...added], hands);
  }

  /** Who is to blame beside those for whom what was done waits to be judged is helped at once. */
  #actMeanwhile(answers: ReadonlyMap<Treatment, Answered>, awaited: readonly Held[], hands: Hands): void {
    const { minProbability } = this.#options.policy;
    const helped = new Set(awaited.map(({ service }) => service));
    for (const [treatment, answered] of answers) {
      const flooded = calledBy(answered.graph, [...helped]);
      if (!isSureMeanwhile(answered.latest, { helped, flooded, minProbability })) continue;
      this.#pend(treatment, this.#act(treatment, answered, awaited, hands), hands);
    }
  }

  /** But for services that are `spared`, since something was done for them just now; what was turned. */
  #act(
    treatment: Treatment,
    { standing: diagnosis, aims }: Answered,
    spared: readonly Held[],
    hands: Hands,
  ): readonly Held[] {
    const { policy } = this.#options;
    const { controls, placement } = hands;
    const added: Held[] = [];
    for (const { culprit, relief } of aims) {
      if (spared.some(({ service }) => service === culprit.service)) continue;
      if (this.#isTreatedElsewhere(culprit.service, treatment)) continue;
      for (const other of this.#treatments) {
        if (other !== treatment) treatment.adopt(other, culprit.service);
      }
      const scale = controls.scaleState(culprit.service);
      const plan = planActions({
        diagnosis,
        culprit,
        placement,
        ...(scale === undefined ? {} : { scale }),
        ...(relief === undefined ? {} : { relief }),
        inForce: this.#treatments.flatMap(({ held }) => held),
        resting: this.#resting,
        limits: {
          minProbability: policy.minProbability,
          maxActions: MOST_ACTIONS,
          scale: SCALE,
          ...(policy.allow === undefined ? {} : { allow: policy.allow }),
        },
      });
      const { service, resource } = plan;
      for (const { node, action } of plan.actions) {
        const held = { id: String(this.#made++), node, action, service, resource };
        if (this.#turn(treatment, held, 'done', hands)) added.push(held);
      }
    }
    if (added.length > 0) treatment.diagnosis = diagnosis;
    return added;
  }

  /** What was released too early, as far as neither the answer nor the time that it held without it clears it. */
  #bringBack(treatment: Treatment, diagnosis: Diagnosis | undefined, hands: Hands): readonly Held[] {
    if (!treatment.open || !treatment.isBroken(hands.window)) return [];
    const back: Held[] = [];
    for (const origin of this.#treatments) {
      const { objective, released } = origin;
      if (objective !== treatment.objective || released === undefined) continue;
      origin.released = undefined;
      const since = treatment.readingsSince(released.atMs, this.#windows);
      if (!comesBack(released.held, diagnosis, since)) continue;
      if (origin !== treatment) treatment.adopt(origin);
      treatment.patience = Math.max(treatment.patience, morePatience(origin.patience));
      const held = { ...released.held, id: String(this.#made++) };
      if (this.#turn(treatment, held, 'back', hands)) back.push(held);
    }
    return back;
  }

  #judge(treatment: Treatment, hands: Hands): void {
    const { pending } = treatment;
    if (pending === undefined) return;
    const { doneMs, before, ids } = pending;
    const judgement = judgeOutcome(before, treatment.readingsSince(doneMs, this.#windows));
    if (judgement === 'wait') return;
    treatment.pending = undefined;
    if (judgement !== 'undo') return;
    treatment.diagnosis = undefined;
    for (const held of treatment.held.filter(({ id }) => ids.has(id)).toReversed()) {
      this.#turnBack(treatment, held, 'undone', hands);
      this.#rest(held, hands.nowMs);
    }
  }

  #release(treatment: Treatment, hands: Hands): void {
    const readings = treatment.readingsSince(treatment.changedMs, this.#windows);
    if (!releaseDue(cleanWindows(readings), treatment.patience)) return;
    const newest = treatment.held.at(-1);
    treatment.released = newest && { atMs: hands.nowMs, held: newest };
    if (newest === undefined) treatment.patience = 1;
    else this.#turnBack(treatment, newest, 'released', hands);
  }

  /** No two treat one service at a time. */
  #isTreatedElsewhere(service: string, treatment: Treatment): boolean {
    return this.#treatments.some(
      (other) =>
        other !== treatment &&
        other.pending !== undefined &&
        other.held.some((held) => held.service === service),
    );
  }

  #turn(treatment: Treatment, held: Held, what: Deed['what'], hands: Hands): boolean {
    if (!hands.controls.apply(held.id, held.node, held.action).ok) {
      this.#rest(held, hands.nowMs);
      return false;
    }
    const overtaken = treatment.held.filter(
      ({ node, action }) => node === held.node && takesOver(held.action, action),
    );
    for (const { id } of overtaken) {
      hands.controls.release(id);
      treatment.forget(id);
    }
    treatment.held = [...treatment.held, held];
    this.#note(treatment, held, what, hands);
    return true;
  }

  #turnBack(treatment: Treatment, held: Held, what: Deed['what'], hands: Hands): void {
    hands.controls.release(held.id);
    treatment.forget(held.id);
    this.#note(treatment, held, what, hands);
  }

  #pend(treatment: Treatment, added: readonly Held[], { window, nowMs }: Hands): void {
    if (added.length === 0) return;
    const before = readObjective(treatment.objective, window);
    treatment.pend({ doneMs: nowMs, before, ids: new Set(added.map(({ id }) => id)) });
  }

  #rest({ node, action }: TurnedKnob, nowMs: number): void {
    this.#resting.push({ node, action, untilMs: restsUntil(nowMs, this.#options.windowSeconds) });
  }

  #note(
    treatment: Treatment,
    { service, resource, action }: Held,
    what: Deed['what'],
    { nowMs }: Hands,
  ): void {
    treatment.changedMs = nowMs;
    const { name: objective } = treatment.objective;
    this.deeds.push({ atMs: nowMs, objective, service, resource, kind: action.kind, what });
  }
}

/** What a policy says of a window that breaks an objective. */
interface Answered {
  readonly latest: Diagnosis;
  /** What is acted on, and whom it asks to be helped. */
  readonly standing: Diagnosis;
  readonly aims: readonly Aim[];
  readonly graph: CausalGraph;
}

/** What an operator has at hand when a window comes. */
interface Hands {
  readonly window: Window;
  readonly controls: Controls;
  readonly nowMs: number;
  readonly placement: Placement;
}
