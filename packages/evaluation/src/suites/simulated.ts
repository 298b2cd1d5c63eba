import { createRng, type Objective, readObjective, type Window } from '@sage/core';
import type { FaultCase, FaultKind } from '@sage/simulator';
import { receivedNote } from '../data/received-note.js';
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
import { listen, type Run, type RunOptions, runNote } from './simulated-run.js';
import { isUndisturbed, type Plan, planAlone, planRun } from './simulated-world.js';

/** Of the calm windows after the training so many are skipped for one that is asked about. */
const CALM_ONE_IN = 5;
/** What is done without a culprit. */
const HARMLESS: ReadonlySet<FaultKind> = new Set<FaultKind>(['decoy', 'surge']);

export interface SimulatedOptions extends RunOptions, LearnOptions {}

/**
 * An application in the simulator, from midnight on: its spans and metrics go through the collector extension, second by
 * second, and only windows are kept. The training's are learnt from, with the call graph as it is at its end; calm ones
 * follow; then faults, one case after the other, with time to recover between them. Each case is asked about once: the
 * first window wholly inside that breaks an objective. Kinds of cases:
 *
 * - a fault's own (several at a time: joined by `+`): it broke an objective. Of several at a time those are the truth that
 *   break it alone, which a run with each of them by itself shows; all of them where none does.
 * - `quiet`: broke none; whoever is blamed is blamed without need.
 * - `decoy`, `surge`: no culprit, whatever the objectives did.
 * - `undisturbed`: calm windows after the training: all that break an objective, and one in five of the others.
 *
 * Throws a DataError for what cannot be simulated or has nothing to promise.
 */
export async function simulatedSuite(options: SimulatedOptions): Promise<Suite> {
  const plan = planRun(options);
  return suiteOf(plan, await listen(options, plan), options);
}

/** What is asked about a run, and a model learnt of it. */
export async function suiteOf(plan: Plan, run: Run, options: SimulatedOptions): Promise<Suite> {
  const { topology, trainEndMs, calmEndMs } = plan;
  const before = run.windows.filter(({ endMs }) => endMs <= calmEndMs);
  const objectives = objectivesOf(
    topology,
    before.filter((window) => isUndisturbed(window, plan)),
  );
  if (run.callGraph === undefined || objectives.length === 0) {
    throw new DataError(
      `${options.topology}: no root operation has calls enough in windows of ${options.windowSeconds} s for an objective`,
    );
  }
  const remembered = rememberAll(run.windows, objectives);
  const asked: AskedFault[] = [];
  for (const fault of plan.cases) {
    const question = questionDuring(fault, run.windows, objectives);
    if (question === undefined) throw new Error(`no window was given out inside ${fault.id}`);
    const startedClean = isCleanBefore(fault.startMs, run.windows, objectives);
    asked.push({ fault, question, startedClean, truths: await truthsOf(fault, question, plan, options) });
  }

  const { graph, model, training } = await learn(
    run.callGraph,
    before.filter(({ endMs }) => endMs <= trainEndMs),
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
  const tail = before.filter(({ startMs }) => startMs >= trainEndMs);
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
      truth: () => (kind === 'quiet' ? [] : item.truths),
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

interface AskedFault {
  readonly fault: FaultCase;
  readonly question: Question;
  /** The application had recovered from the one before. */
  readonly startedClean: boolean;
  readonly truths: readonly Truth[];
}

/** Whom to blame for the broken objective: of several faults those that break it alone. */
async function truthsOf(
  item: FaultCase,
  question: Question,
  plan: Plan,
  options: SimulatedOptions,
): Promise<readonly Truth[]> {
  if (item.faults.length < 2 || !isBroken(question)) return culpritsOf(item);
  const alone: Truth[] = [];
  for (const [index, fault] of item.faults.entries()) {
    options.progress(index / item.faults.length, `${item.id}: ${fault.kind} of ${fault.service} alone`);
    const single = planAlone(plan, item, fault);
    const { windows } = await listen({ ...options, progress: () => {} }, single);
    const answer = questionDuring(item, windows, [question.objective]);
    if (answer !== undefined && isBroken(answer)) alone.push(...single.cases.flatMap(culpritsOf));
  }
  return alone.length > 0 ? alone : culpritsOf(item);
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

function objectiveWords({ name, percentile, thresholdMs }: Objective): string {
  return `${name} ${percentile.replace('Ms', '')} at most ${thresholdMs.toFixed(1)} ms`;
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
