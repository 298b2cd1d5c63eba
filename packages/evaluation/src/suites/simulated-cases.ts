import type { CausalGraph } from '@sage/causal-graph';
import { createRng, type Objective, readObjective, type Window } from '@sage/core';
import { type FaultCase, type FaultKind, truthOf } from '@sage/simulator';
import type { LabelledCase, LabelledWindow, Truth } from '../observed.js';
import { pastOf } from './hotel-questions.js';
import { worstOf } from './simulated-objectives.js';
import {
  calmQuestions,
  isBroken,
  type Question,
  questionDuring,
  rememberAll,
} from './simulated-questions.js';
import { depthsWithin, listen, type Run, type RunOptions } from './simulated-run.js';
import { guiltyOf, type Suspected, suspectedOf, truthsOf } from './simulated-truth.js';
import { type Plan, planAlone } from './simulated-world.js';

/** Of the calm windows after the training so many are skipped for one that is asked about. */
const CALM_ONE_IN = 5;
/** What is done without a culprit. */
const HARMLESS: ReadonlySet<FaultKind> = new Set<FaultKind>(['decoy', 'surge']);

/** A run that can be asked about. */
export interface Asked {
  readonly plan: Plan;
  readonly run: Run;
  readonly objectives: readonly Objective[];
  readonly graph: CausalGraph;
}

/** What is asked about a run: each fault once, and calm windows after the training. The kinds are those of the suite. */
export async function casesOf(
  { plan, run, objectives, graph }: Asked,
  options: RunOptions,
): Promise<{ readonly cases: readonly LabelledCase[]; readonly note: string }> {
  const remembered = rememberAll(run.windows, objectives);
  const asked: AskedFault[] = [];
  for (const fault of plan.cases) {
    const question = questionDuring(fault, run.windows, objectives);
    if (question === undefined) throw new Error(`no window was given out inside ${fault.id}`);
    const startedClean = isCleanBefore(fault.startMs, run.windows, objectives);
    const earlier = startedClean ? [] : (asked.at(-1)?.guilty ?? []);
    const breaksAlone = (suspected: Suspected) => isBrokenAlone(suspected, question, { plan, options });
    const guilty = isBroken(question)
      ? await guiltyOf(fault, { earlier, breaksAlone })
      : [...earlier, ...suspectedOf(fault)];
    asked.push({ fault, question, startedClean, guilty });
  }
  const observe = (id: string, { window, objective }: Question): LabelledCase['observed'] => ({
    graph,
    history: pastOf(window, remembered),
    window,
    objective,
    rng: createRng(options.seed).fork(id),
    ...(options.queueDepths === true ? { queueDepths: depthsWithin(window, run, plan) } : {}),
  });
  const tail = run.windows.filter(
    ({ startMs, endMs }) => startMs >= plan.trainEndMs && endMs <= plan.calmEndMs,
  );
  const undisturbed = calmQuestions(tail, objectives, CALM_ONE_IN).map((question): LabelledCase => {
    const id = `undisturbed/${question.window.endMs / 1000}s`;
    return { id, kind: 'undisturbed', observed: observe(id, question), truth: () => [] };
  });
  const faults = asked.map((item): LabelledCase => {
    const { fault, question } = item;
    const kind = kindOf(item);
    const id = `${fault.id}/${nameOf(fault)}`;
    return {
      id,
      kind,
      observed: observe(id, question),
      truth: () => (kind === 'quiet' ? [] : truthsOf(item.guilty, fault)),
    };
  });
  return { cases: [...undisturbed, ...faults], note: detectionNote(asked, plan.leftOut) };
}

/** Every window that lies wholly inside or wholly outside the time of a fault, with who broke an objective in it. */
export function labelledWindows({ plan, run, objectives }: Asked): readonly LabelledWindow[] {
  const happenings = [
    ...plan.cases.map((item) => ({ ...item, culprits: culpritsOf(item) })),
    ...plan.disturbances.map((item) => ({ ...item, culprits: culpritsOf({ truths: truthOf(item) }) })),
  ];
  return run.windows.flatMap((window) => {
    const during = happenings.filter(
      ({ startMs, endMs }) => startMs < window.endMs && endMs > window.startMs,
    );
    if (during.some(({ startMs, endMs }) => startMs > window.startMs || endMs < window.endMs)) return [];
    const truth = isBroken(worstOf(window, objectives)) ? during.flatMap(({ culprits }) => culprits) : [];
    return [{ window, queueDepths: depthsWithin(window, run, plan), truth }];
  });
}

interface AskedFault {
  readonly fault: FaultCase;
  readonly question: Question;
  /** The application had recovered from the one before. */
  readonly startedClean: boolean;
  /** What breaks the objective, or may be about to. */
  readonly guilty: readonly Suspected[];
}

async function isBrokenAlone(
  { item, fault }: Suspected,
  { window: { startMs, endMs }, objective }: Question,
  { plan, options }: { readonly plan: Plan; readonly options: RunOptions },
): Promise<boolean> {
  options.progress(0, `${item.id}: ${fault.kind} of ${fault.service} alone`);
  const single = planAlone(plan, { item, fault, untilMs: endMs });
  const { windows } = await listen({ ...options, progress: () => {} }, single);
  const window = windows.find((candidate) => candidate.startMs === startMs);
  return window !== undefined && readObjective(objective, window).broken;
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

function kindOf({ fault, question, guilty }: AskedFault): string {
  if (isBroken(question) && guilty.some(({ item }) => item !== fault)) return 'unrecovered';
  const isHarmless = fault.faults.every(({ kind }) => HARMLESS.has(kind));
  return isHarmless || isBroken(question) ? nameOf(fault) : 'quiet';
}

function culpritsOf({ truths }: Pick<FaultCase, 'truths'>): readonly Truth[] {
  return truths.map(({ service, resource }) => ({ service, resource }));
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
