import { availableParallelism } from 'node:os';
import { actionWords, type Diagnosis, errorMessage, milliseconds, type Objective } from '@sage/core';
import type { EngineEvent, Incident } from '@sage/engine';
import { type ActiveFault, type Fault, injectFault } from '../faults/index.js';
import { WINDOW_SECONDS } from './engine-config.js';
import { judge } from './judge.js';
import { type Narrator, tellDiagnosis } from './narrator.js';
import { othersProcessors, othersText, type ProcessorTimes } from './other-load.js';
import type { DemoResult } from './result.js';
import { pause, type Stage } from './stage.js';

/** Calm traffic under the objectives before a fault begins. */
const CALM_MS = 12_000;
/** An incident that opened by itself has this long to end before the fault begins. */
const CALM_PATIENCE_MS = 90_000;
/** How long a quiet demo is watched for false alarms. */
const QUIET_SECONDS = 60;
/** From the injection to the end of the incident, at most. */
const EPISODE_TIMEOUT_MS = 150_000;
/** Latency must be back within so many windows of the action (paper: at most two sampling intervals). */
const RECOVERY_WINDOWS = 2;
/** Windows are given out so long after their end, at most: late spans are waited for. */
const WINDOW_DELAY_MS = 9_000;

export interface EpisodeContext {
  readonly stage: Stage;
  readonly narrator: Narrator;
  readonly objectives: readonly Objective[];
  readonly nowMs: () => number;
  readonly processorTimes: () => Promise<ProcessorTimes | undefined>;
  /** Processors that programs other than the demo kept busy while Sage learned. */
  readonly othersWhileLearning: number | undefined;
  readonly signal: AbortSignal;
}

export type Episode = Omit<DemoResult, 'seed' | 'isolation' | 'r2' | 'success'>;

/** What the engine told while a fault was in force, with seconds since the start of the demo. */
interface EpisodeRecord {
  opened: number | null;
  diagnosed: number | null;
  acted: number | null;
  actedMs: number | undefined;
  recovered: number | null;
  recoveredInTime: boolean;
  primary: Incident | undefined;
  readonly diagnoses: Map<string, Diagnosis>;
  readonly actions: string[];
  readonly open: Set<string>;
  closed: number;
}

/** Nothing is injected: whatever is blamed is blamed wrongly. */
export async function quietEpisode(context: EpisodeContext): Promise<Episode> {
  const { stage, narrator, signal } = context;
  narrator.say(`No fault is injected. Watching for ${QUIET_SECONDS} s whether anybody is blamed.`);
  const record = newRecord();
  const stop = stage.watch.listen((event) => follow(event, record, context));
  const before = await context.processorTimes();
  try {
    for (let second = 0; second < QUIET_SECONDS; second++) {
      narrator.progress(second / QUIET_SECONDS, `${latencies(context)}`);
      await pause(1_000, signal);
    }
  } finally {
    stop();
  }
  const blamed = [...record.diagnoses.values()].find((diagnosis) => diagnosis.culprits.length > 0);
  const judgement = judge(undefined, blamed);
  narrator.say(
    judgement.rightService
      ? narrator.good(
          `Nobody was blamed${record.diagnoses.size > 0 ? `, though the objective broke ${record.diagnoses.size} time(s) by itself` : ''}.`,
        )
      : narrator.bad(`Blamed without a fault: ${judgement.alsoBlamed.join(', ')}.`),
  );
  return conclude(context, null, record, {
    ...judgement,
    others: await tellOthers(context, before),
    right: judgement.rightService,
    recovered: true,
    injected: null,
    diagnosis: blamed,
  });
}

/** One fault from its beginning to its end. The engine is not told of it. */
export async function faultEpisode(context: EpisodeContext, fault: Fault): Promise<Episode> {
  const { stage, narrator } = context;
  const blamedInCalm = await calm(context);
  const record = newRecord();
  const stop = stage.watch.listen((event) => follow(event, record, context));
  let active: ActiveFault | undefined;
  try {
    const injected = narrator.elapsedSeconds();
    const before = await context.processorTimes();
    narrator.say(narrator.dim('A fault begins now. Sage is not told which, nor where.'));
    const injection = await injectFault(stage.app, fault, { log: stage.log });
    if (!injection.ok) throw new Error(injection.message);
    active = injection.value;
    await untilOver(context, record);
    const judged = tell(context, active, record, blamedInCalm);
    const others = await tellOthers(context, before);
    return conclude(context, active, record, { ...judged, injected, others });
  } finally {
    stop();
    // First what was done about it: undone later, it would bring back the value that the fault had set.
    await stage.agent
      .undoAll()
      .catch((error) => narrator.detail(`The node agent was not asked to undo: ${errorMessage(error)}`));
    await active?.end();
  }
}

/** Waits for calm; the result is who was blamed meanwhile, when nothing was wrong. */
async function calm(context: EpisodeContext): Promise<readonly string[]> {
  const record = newRecord();
  const stop = context.stage.watch.listen((event) => follow(event, record, context));
  try {
    await pause(CALM_MS, context.signal);
    const startSeconds = context.narrator.elapsedSeconds();
    while (record.open.size > 0) {
      if ((context.narrator.elapsedSeconds() - startSeconds) * 1000 > CALM_PATIENCE_MS) {
        throw new Error(
          'the application did not come to rest: this machine is too busy for the demo (try --rate 15)',
        );
      }
      await pause(500, context.signal);
    }
  } finally {
    stop();
  }
  return [...record.diagnoses.values()].flatMap(({ culprits }) => culprits.map(({ service }) => service));
}

async function untilOver(context: EpisodeContext, record: EpisodeRecord): Promise<void> {
  const { narrator, signal } = context;
  const startSeconds = narrator.elapsedSeconds();
  for (;;) {
    const elapsedMs = (narrator.elapsedSeconds() - startSeconds) * 1000;
    if (elapsedMs > EPISODE_TIMEOUT_MS) return;
    await pause(500, signal);
    if (record.closed > 0 && record.open.size === 0 && isJudged(record, context.nowMs())) return;
    narrator.progress(elapsedMs / EPISODE_TIMEOUT_MS, latencies(context));
  }
}

/** An incident closes with the first windows that hold; whether latency is back, those that began after the action say. */
function isJudged({ actedMs, recovered }: EpisodeRecord, nowMs: number): boolean {
  const patienceMs = RECOVERY_WINDOWS * WINDOW_SECONDS * 1000 + WINDOW_DELAY_MS;
  return actedMs === undefined || recovered !== null || nowMs > actedMs + patienceMs;
}

/** Takes note of an event and tells it. */
function follow(event: EngineEvent, record: EpisodeRecord, context: EpisodeContext): void {
  const { narrator } = context;
  switch (event.type) {
    case 'incident-opened': {
      record.open.add(event.incident.id);
      record.opened ??= narrator.elapsedSeconds();
      const by = event.incident.sources.includes('alertmanager')
        ? 'Alertmanager reports'
        : 'The collector extension sees';
      narrator.say(
        `${by}: objective ${narrator.bold(event.incident.objective)} is broken. ${latencies(context)}`,
      );
      break;
    }
    case 'diagnosed':
      record.diagnoses.set(event.incident.id, event.diagnosis);
      tellDiagnosis(narrator, event.diagnosis);
      if (record.primary === undefined && event.diagnosis.culprits.length > 0) {
        record.primary = event.incident;
        record.diagnosed = narrator.elapsedSeconds();
      }
      break;
    case 'action':
      for (const { reason } of event.plan.actions) narrator.say(`Sage acts, since ${reason}.`);
      for (const { action, status, message } of event.outcomes) {
        record.actions.push(`${action.kind} ${action.target}: ${status}`);
        narrator.detail(
          status === 'applied'
            ? `done by the node agent: ${actionWords(action)}`
            : narrator.bad(`the node agent says ${status} (${actionWords(action)}): ${message}`),
        );
        const ofPrimary = event.incident.id === record.primary?.id;
        if (status === 'applied' && ofPrimary && record.actedMs === undefined) {
          record.actedMs = context.nowMs();
          record.acted = narrator.elapsedSeconds();
        }
      }
      for (const recommendation of event.plan.recommendations)
        narrator.detail(`recommended: ${recommendation}`);
      break;
    case 'window': {
      const reading = record.primary && event.readings.get(record.primary.objective);
      if (reading?.observedMs === undefined || record.actedMs === undefined || record.recovered !== null)
        break;
      // What began before the action may still hold requests of that time.
      if (reading.broken || event.window.startMs < record.actedMs) break;
      const took = (event.window.endMs - record.actedMs) / 1000;
      record.recovered = narrator.elapsedSeconds();
      record.recoveredInTime = took <= RECOVERY_WINDOWS * WINDOW_SECONDS;
      narrator.say(
        narrator.good(
          `p99 is back at ${milliseconds(reading.observedMs)}, ${took.toFixed(0)} s after the action (two windows are ${RECOVERY_WINDOWS * WINDOW_SECONDS} s).`,
        ),
      );
      break;
    }
    case 'incident-closed':
      record.open.delete(event.incident.id);
      record.closed += 1;
      narrator.say(`The incident of ${event.incident.objective} is closed.`);
      break;
    case 'training':
      break;
  }
}

function tell(
  context: EpisodeContext,
  fault: ActiveFault,
  record: EpisodeRecord,
  blamedInCalm: readonly string[],
): Judged {
  const { narrator } = context;
  const diagnosis =
    record.primary === undefined
      ? [...record.diagnoses.values()].at(-1)
      : record.diagnoses.get(record.primary.id);
  const judgement = judge(fault, diagnosis);
  const others = [...record.diagnoses.values()].map((other) => judge(fault, other));
  const alsoBlamed = [...new Set([...blamedInCalm, ...others.flatMap((other) => other.alsoBlamed)])];
  const right = judgement.rightService && judgement.rightResource && alsoBlamed.length === 0;
  const recovered = record.recoveredInTime && record.closed > 0 && record.open.size === 0;
  const mark = (correct: boolean) => (correct ? narrator.good('✓') : narrator.bad('✗'));
  narrator.say(`Injected: ${narrator.bold(`${fault.service} / ${fault.resource}`)}: ${fault.means}`);
  narrator.detail(
    `service ${mark(judgement.rightService)}  resource ${mark(judgement.rightResource)}  recovered ${mark(recovered)}${alsoBlamed.length > 0 ? `  also blamed: ${alsoBlamed.join(', ')}` : ''}`,
  );
  return { ...judgement, alsoBlamed, right, recovered, diagnosis };
}

/** Who slows the application from outside is no fault that was injected, and is told. */
async function tellOthers(
  { narrator, othersWhileLearning, processorTimes }: EpisodeContext,
  before: ProcessorTimes | undefined,
): Promise<number | undefined> {
  const others = othersProcessors(before, await processorTimes());
  const text = othersText({ learning: othersWhileLearning, episode: others }, availableParallelism());
  if (text !== undefined) narrator.detail(text);
  return others;
}

/** What came out of an episode. */
interface Judged
  extends Pick<Episode, 'rightService' | 'rightResource' | 'alsoBlamed' | 'right' | 'recovered'> {
  readonly diagnosis: Diagnosis | undefined;
}

function conclude(
  context: EpisodeContext,
  fault: ActiveFault | null,
  record: EpisodeRecord,
  found: Judged & { readonly injected: number | null; readonly others: number | undefined },
): Episode {
  const { injected, others, diagnosis, ...judgement } = found;
  const { opened, diagnosed, acted, recovered } = record;
  return {
    fault: fault && {
      kind: fault.kind,
      service: fault.service,
      resource: fault.resource,
      means: fault.means,
    },
    objective: diagnosis?.objective ?? null,
    thresholdMs:
      context.objectives.find((objective) => objective.name === diagnosis?.objective)?.thresholdMs ?? null,
    diagnosis: diagnosis ?? null,
    ...judgement,
    actions: record.actions,
    othersProcessors: { learning: context.othersWhileLearning ?? null, episode: others ?? null },
    seconds: { trained: 0, injected, opened, diagnosed, acted, recovered },
  };
}

function newRecord(): EpisodeRecord {
  return {
    opened: null,
    diagnosed: null,
    acted: null,
    actedMs: undefined,
    recovered: null,
    recoveredInTime: false,
    primary: undefined,
    diagnoses: new Map(),
    actions: [],
    open: new Set(),
    closed: 0,
  };
}

/** The latest window's percentile of each objective beside its threshold. */
function latencies({ stage, objectives }: EpisodeContext): string {
  const states = stage.engine.state().objectives;
  return objectives
    .map((objective) => {
      const observedMs = states.find((state) => state.name === objective.name)?.observedMs ?? null;
      return `${objective.name} p99 ${milliseconds(observedMs)} of ${milliseconds(objective.thresholdMs)}`;
    })
    .join(', ');
}
