import type { CallGraph } from '@sage/causal-graph';
import type { CollectorStats } from '@sage/collector-extension';
import { createRng, type Objective, readObjective, type Window } from '@sage/core';
import { type FaultCase, type FaultKind, type SimulationTotals, simulate } from '@sage/simulator';
import { receivedNote } from '../data/received-note.js';
import { type Delivery, deliver } from '../data/replay.js';
import { type LearnOptions, learn } from '../learn.js';
import { type Case, DataError, type Suite, type Truth } from '../observed.js';
import { pastOf } from './hotel-questions.js';
import { objectivesOf } from './simulated-objectives.js';
import {
  calmQuestions,
  isBroken,
  type Question,
  questionDuring,
  rememberAll,
} from './simulated-questions.js';
import { type Plan, planRun, type WorldOptions } from './simulated-world.js';

/** Of the calm windows after the training so many are skipped for one that is asked about. */
const CALM_ONE_IN = 5;
/** Exporters are scraped as often as usual, and in short windows often enough. */
const SCRAPE_SECONDS = 10;
const LEAST_SCRAPES = 3;
/** What is done without a culprit. */
const HARMLESS: ReadonlySet<FaultKind> = new Set<FaultKind>(['decoy', 'surge']);

export interface SimulatedOptions extends WorldOptions, LearnOptions {
  readonly requestsPerSecond: number;
  /** Share of the requests that are traced. */
  readonly sampling: number;
  /** Share of the services that no exporter tells of. */
  readonly uninstrumented: number;
}

/**
 * An application in the simulator, from midnight on: its spans and metrics go through the collector extension, second by
 * second, and only windows are kept. The training's are learnt from, with the call graph as it is at its end; calm ones
 * follow; then faults, one case after the other, with time to recover between them. Each case is asked about once: the
 * first window wholly inside that breaks an objective. Kinds of cases:
 *
 * - a fault's own (several at a time: joined by `+`): it broke an objective. All of a case's faults are its truth.
 * - `quiet`: broke none; whoever is blamed is blamed without need.
 * - `decoy`, `surge`: no culprit, whatever the objectives did.
 * - `undisturbed`: calm windows after the training: all that break an objective, and one in five of the others.
 *
 * Throws a DataError for what cannot be simulated or has nothing to promise.
 */
export async function simulatedSuite(options: SimulatedOptions): Promise<Suite> {
  const plan = planRun(options);
  const { topology, trainEndMs, calmEndMs } = plan;
  const run = await listen(options, plan);
  const calm = run.windows.filter(({ endMs }) => endMs <= calmEndMs);
  const objectives = objectivesOf(topology, calm);
  if (run.callGraph === undefined || objectives.length === 0) {
    throw new DataError(
      `${options.topology}: no root operation has calls enough in windows of ${options.windowSeconds} s for an objective`,
    );
  }
  const remembered = rememberAll(run.windows, objectives);
  const asked = plan.cases.map((fault): AskedFault => {
    const question = questionDuring(fault, run.windows, objectives);
    if (question === undefined) throw new Error(`no window was given out inside ${fault.id}`);
    return { fault, question, startedClean: isCleanBefore(fault.startMs, run.windows, objectives) };
  });

  const { graph, model, training } = await learn(
    run.callGraph,
    calm.filter(({ endMs }) => endMs <= trainEndMs),
    options,
  );
  const observe = (id: string, { window, objective }: Question): Case['observed'] => ({
    model,
    graph,
    history: pastOf(window, remembered),
    window,
    objective,
    rng: createRng(options.seed).fork(id),
  });
  const tail = calm.filter(({ startMs }) => startMs >= trainEndMs);
  const undisturbed = calmQuestions(tail, objectives, CALM_ONE_IN).map((question): Case => {
    const id = `undisturbed/${question.window.endMs / 1000}s`;
    return { id, kind: 'undisturbed', observed: observe(id, question), truth: () => [] };
  });
  const faults = asked.map((item): Case => {
    const { fault, question } = item;
    const kind = kindOf(item);
    const id = `${fault.id}/${nameOf(fault)}`;
    return {
      id,
      kind,
      observed: observe(id, question),
      truth: () => (kind === 'quiet' ? [] : culpritsOf(fault)),
    };
  });
  return {
    name: 'simulated',
    cases: [...undisturbed, ...faults],
    trainings: [training],
    notes: [
      runNote(run, plan),
      receivedNote(run.stats),
      `objectives: ${objectives.map(objectiveWords).join(', ')}`,
      detectionNote(asked, plan.leftOut),
    ],
  };
}

interface Run {
  readonly windows: readonly Window[];
  /** As known at the end of the training. */
  readonly callGraph: CallGraph | undefined;
  readonly stats: CollectorStats;
  readonly totals: SimulationTotals | undefined;
  /** Of it all, and of the simulator in it. */
  readonly seconds: number;
  readonly simulatorSeconds: number;
}

async function listen(options: SimulatedOptions, plan: Plan): Promise<Run> {
  const { nowMs, progress } = options;
  const windows: Window[] = [];
  let callGraph: CallGraph | undefined;
  let totals: SimulationTotals | undefined;
  let simulatorMs = 0;
  function* batches(): Generator<Delivery> {
    const simulation = simulate(plan.topology, {
      seed: options.seed,
      durationMs: plan.endMs,
      requestsPerSecond: options.requestsPerSecond,
      sampling: options.sampling,
      scrapeSeconds: Math.min(SCRAPE_SECONDS, options.windowSeconds / LEAST_SCRAPES),
      replicas: options.replicas,
      uninstrumented: options.uninstrumented,
      faults: plan.cases.flatMap(({ faults }) => faults),
    });
    for (;;) {
      const beganMs = nowMs();
      const { value, done } = simulation.next();
      simulatorMs += nowMs() - beganMs;
      if (done) {
        totals = value;
        return;
      }
      yield { timeMs: value.nowMs, spans: value.spans, readings: value.readings };
    }
  }
  const startedMs = nowMs();
  const stats = await deliver(batches(), {
    windows: { windowSeconds: options.windowSeconds, slideSeconds: options.windowSeconds },
    onWindow: (window, graph) => {
      if (window.startMs < plan.trainStartMs) return;
      windows.push(window);
      if (window.endMs === plan.trainEndMs) callGraph = graph();
      progress(window.endMs / plan.endMs, `simulated ${hours(window.endMs)} of ${hours(plan.endMs)}`);
    },
  });
  const seconds = (nowMs() - startedMs) / 1000;
  return { windows, callGraph, stats, totals, seconds, simulatorSeconds: simulatorMs / 1000 };
}

interface AskedFault {
  readonly fault: FaultCase;
  readonly question: Question;
  /** The application had recovered from the one before. */
  readonly startedClean: boolean;
}

function isCleanBefore(
  startMs: number,
  windows: readonly Window[],
  objectives: readonly Objective[],
): boolean {
  const before = windows.findLast(({ endMs }) => endMs <= startMs);
  return before === undefined || !objectives.some((objective) => readObjective(objective, before).broken);
}

function nameOf({ faults }: FaultCase): string {
  return [...new Set(faults.map(({ kind }) => kind))].join('+');
}

function kindOf({ fault, question }: AskedFault): string {
  const isHarmless = fault.faults.every(({ kind }) => HARMLESS.has(kind));
  return isHarmless || isBroken(question) ? nameOf(fault) : 'quiet';
}

function culpritsOf({ truths }: FaultCase): readonly Truth[] {
  return truths.map(({ service, resource }) => ({ service, resource }));
}

function hours(ms: number): string {
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

function objectiveWords({ name, percentile, thresholdMs }: Objective): string {
  return `${name} ${percentile.replace('Ms', '')} at most ${thresholdMs.toFixed(1)} ms`;
}

function runNote({ totals, seconds, simulatorSeconds }: Run, { topology, endMs, windowMs }: Plan): string {
  const { arrived = 0, failed = 0, events = 0 } = totals ?? {};
  const perSecond = Math.round(events / simulatorSeconds);
  return (
    `${topology.name}: ${hours(endMs)} in windows of ${windowMs / 1000} s, ${arrived} requests, ${failed} failed; ` +
    `${events} events in ${simulatorSeconds.toFixed(1)} s, ${perSecond} a second; with the collector ${seconds.toFixed(1)} s`
  );
}

function detectionNote(asked: readonly AskedFault[], leftOut: readonly FaultKind[]): string {
  const quiet = asked.filter(({ question }) => !isBroken(question));
  const list = quiet.map(({ fault }) => nameOf(fault)).join(', ');
  const unclean = asked.filter(({ startedClean }) => !startedClean).length;
  return [
    `${quiet.length} of ${asked.length} faults broke no objective${list === '' ? '' : ` (${list})`}`,
    `${unclean} began before the application had recovered`,
    ...(leftOut.length === 0 ? [] : [`no case of ${leftOut.join(', ')}`]),
  ].join('; ');
}
