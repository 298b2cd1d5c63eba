import { isSureEnough, isSureMeanwhile, standingDiagnosis } from '@sage/actuation';
import { type CausalModel, calledBy } from '@sage/causal-graph';
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
import type { Config } from '../config/config.js';
import type { EngineEvent } from '../events.js';
import type { WindowHistory } from '../learning/history.js';
import type { Parts } from '../parts.js';
import { brokenRun, chooseWindow, neededRun } from './broken-run.js';
import { type IncidentRecord, noted, publicIncident, seedOf } from './incident.js';
import type { IncidentStore } from './incident-store.js';
import { diagnosisText, mayDrainText, stillStandsText } from './words.js';

/** A first diagnosis and two more, on windows that overlap, where it is not known whom to help; then on each whole window. */
const QUICK_ATTEMPTS = 3;
/** Windows that ended longer before the incident are no evidence of it. */
const EVIDENCE_MS = 10 * 60_000;

export interface DiagnosingOptions {
  readonly parts: Pick<Parts, 'diagnose'>;
  readonly store: IncidentStore;
  readonly history: WindowHistory;
  readonly model: () => CausalModel | undefined;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (event: EngineEvent) => void;
  /** Told of every diagnosis; must not take long. */
  readonly publish: (incident: IncidentRecord) => void;
  readonly onDiagnosis: (diagnosis: Diagnosis, seconds: number) => void;
}

/** When an incident is diagnosed, on which window, and what becomes of the answer. */
export class Diagnosing {
  readonly #options: DiagnosingOptions;

  constructor(options: DiagnosingOptions) {
    this.#options = options;
  }

  /**
   * A diagnosis where one is due, of windows since what was done has settled. `awaited`: it will be made, but the windows for
   * it are not there yet; nothing else is done about the objective meanwhile.
   */
  diagnose(id: string, settledMs: number): Diagnosis | 'awaited' | undefined {
    const { store, history, model, config, clock } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    if (incident === undefined || objective === undefined) return undefined;
    const { windows: sizes, actuation } = config();
    if (!isDue(incident, actuation.minProbability)) return undefined;
    const windows = history
      .since(incident.openedMs - EVIDENCE_MS)
      .filter(({ startMs }) => settledMs === 0 || startMs >= settledMs);
    const { seconds, slideSeconds } = sizes;
    const choice = chooseWindow(objective, windows, { windowSeconds: seconds, slideSeconds });
    const current = model();
    const before = incident.diagnosis;
    if (current === undefined && before !== null) return undefined;
    if (current !== undefined && choice.kind === 'wait') return 'awaited';
    const window = choice.kind === 'use' ? choice.window : windows.at(-1);
    if (before !== null) {
      if (window === undefined || !readObjective(objective, window).broken) return undefined;
      const sinceMs = incident.attempts < QUICK_ATTEMPTS ? before.windowStartMs + 1 : before.windowEndMs;
      if (window.startMs < sinceMs) return undefined;
    }

    const diagnosis =
      current === undefined || window === undefined
        ? this.#measured(() =>
            undetermined(objective, window, clock.now(), 'There is no model yet: Sage is still learning.'),
          )
        : this.#ask(incident, objective, { model: current, window });
    this.#conclude(incident, diagnosis, current === undefined ? 0 : 1);
    return diagnosis;
  }

  /**
   * While what was done a moment ago for `helped` services waits to be judged: a diagnosis that need not wait for it, where
   * the newest window gives one. Of an objective for which something was done itself, that window began afterwards.
   */
  meanwhile(id: string, helped: ReadonlySet<string>): Diagnosis | undefined {
    const { store, history, model, config } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    const [current, window] = [model(), history.latest];
    if (incident?.status !== 'open' || !objective || !current || !window) return undefined;
    if (!readObjective(objective, window).broken || !this.#tellsOf(incident, objective, window))
      return undefined;
    const latest = this.#ask(incident, objective, { model: current, window });
    const { minProbability } = config().actuation;
    const flooded = calledBy(current.graph, [...helped]);
    if (!isSureMeanwhile(latest, { helped, flooded, minProbability })) return undefined;
    if (isTheSame(incident.diagnosis, latest)) return undefined;
    this.#conclude(incident, latest, 1);
    return latest;
  }

  /** Whether a window, the newest, lies mostly in the violation, or in what became of it since something was done about it. */
  #tellsOf(incident: IncidentRecord, objective: Objective, window: Window): boolean {
    const { history, config } = this.#options;
    const { windows: sizes, actuation } = config();
    const done = incident.actions.flatMap(({ doneMs }) => doneMs ?? []);
    if (done.length > 0) return window.startMs >= Math.max(...done);
    if (!isDue(incident, actuation.minProbability)) return false;
    const { seconds, slideSeconds } = sizes;
    const run = brokenRun(objective, history.since(incident.openedMs - EVIDENCE_MS));
    return run >= neededRun({ windowSeconds: seconds, slideSeconds });
  }

  /**
   * What was done about the `former` diagnosis was not enough, as the newest window shows: the one that stands after another
   * look at it. undefined where that cannot be told before what was done has settled.
   */
  standing(id: string, former: Diagnosis, settledMs: number): Diagnosis | undefined {
    const { store, history, model, clock } = this.#options;
    const incident = store.get(id);
    const objective = incident && this.#objective(incident.objective);
    const [current, window] = [model(), history.latest];
    if (!incident || !objective || !current || !window || !readObjective(objective, window).broken) {
      return former;
    }
    const latest = this.#ask(incident, objective, { model: current, window });
    const helped = window.startMs < settledMs ? incident.inForce.map(({ service }) => service) : [];
    const standing = standingDiagnosis(former, latest, calledBy(current.graph, helped));
    if (standing === latest) this.#conclude(incident, latest, 1);
    else {
      const text = standing === undefined ? mayDrainText(latest) : stillStandsText(latest);
      store.update(id, (record) => noted(record, clock.now(), text));
    }
    return standing;
  }

  #conclude(incident: IncidentRecord, diagnosis: Diagnosis, attempts: number): void {
    const { store, clock, emit, publish } = this.#options;
    const atMs = clock.now();
    const text =
      incident.attempts >= QUICK_ATTEMPTS && isTheSame(incident.diagnosis, diagnosis)
        ? ''
        : diagnosisText(diagnosis);
    const record = store.update(incident.id, (before) =>
      noted({ ...before, diagnosis, attempts: before.attempts + attempts }, atMs, text),
    );
    publish(record);
    emit({ type: 'diagnosed', incident: publicIncident(record), diagnosis });
  }

  /** A bug in the search must not take the watch down with it. */
  #ask(
    incident: IncidentRecord,
    objective: Objective,
    { model, window }: { readonly model: CausalModel; readonly window: Window },
  ): Diagnosis {
    const { parts, history, logger } = this.#options;
    return this.#measured(() => {
      try {
        const context = { model, window, history: history.normal, objective };
        return parts.diagnose(context, createRng(seedOf(incident.id)));
      } catch (error) {
        logger.error('the diagnosis failed', { objective: objective.name, error: errorMessage(error) });
        const reason = `The diagnosis failed: ${errorMessage(error)}`;
        return undetermined(objective, window, window.endMs, reason);
      }
    });
  }

  #measured(diagnose: () => Diagnosis): Diagnosis {
    const { clock, onDiagnosis } = this.#options;
    const startedMs = clock.now();
    const diagnosis = diagnose();
    onDiagnosis(diagnosis, (clock.now() - startedMs) / 1000);
    return diagnosis;
  }

  #objective(name: string): Objective | undefined {
    return this.#options.config().objectives.find((objective) => objective.name === name);
  }
}

/** Not yet, or not surely enough, is it known whom to help. */
function isDue({ status, diagnosis }: IncidentRecord, minProbability: number): boolean {
  if (status === 'closed') return false;
  switch (diagnosis?.verdict) {
    case 'culprits':
      return !diagnosis.culprits.some((culprit) => isSureEnough(culprit, minProbability));
    case 'workload':
      return false;
    default:
      return true;
  }
}

/** The same verdict on the same culprits, whatever was measured. */
function isTheSame(before: Diagnosis | null, { verdict, culprits }: Diagnosis): boolean {
  const names = (of: Diagnosis['culprits']) => of.map(({ service, resource }) => `${service} ${resource}`);
  return before?.verdict === verdict && names(before.culprits).join() === names(culprits).join();
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
