import { buildCausalGraph, type CallGraph } from '@sage/causal-graph';
import { createRng, type Objective } from '@sage/core';
import { receivedNote } from '../data/received-note.js';
import { type LearnOptions, learn } from '../learn.js';
import { type Calibration, DataError, type Suite } from '../observed.js';
import { casesOf, labelledWindows } from './simulated-cases.js';
import { objectivesOf } from './simulated-objectives.js';
import { listen, type Run, type RunOptions, runNote } from './simulated-run.js';
import { isUndisturbed, type Plan, planRun } from './simulated-world.js';

/** Methods that are calibrated are shown a past of so many windows at most before the first fault. */
const CALIBRATION_TRAIN_WINDOWS = 240;

export interface SimulatedOptions extends RunOptions, LearnOptions {
  /** Faults of the labelled run that methods with parameters are calibrated on. */
  readonly calibrationFaults: number;
}

/**
 * An application in the simulator, from midnight on: its spans and metrics go through the collector extension, second by
 * second, and only windows are kept. The training's are learnt from, with the call graph as it is at its end; calm ones
 * follow; then faults, one case after the other, with time to recover between them. Each case is asked about once: the
 * first window wholly inside that breaks an objective. Kinds of cases:
 *
 * - a fault's own (several at a time: joined by `+`): it broke an objective. Of several at a time those are the truth that
 *   break it alone in the window in question, which a run with each of them by itself shows; all of them where none does.
 * - `unrecovered`: a fault that began before the application had recovered from an earlier one, which still breaks the
 *   objective, by itself, too: it is to blame then, alone or beside the other.
 * - `quiet`: broke none; whoever is blamed is blamed without need.
 * - `decoy`, `surge`: no culprit, whatever the objectives did.
 * - `undisturbed`: calm windows after the training: all that break an objective, and one in five of the others.
 *
 * Throws a DataError for what cannot be simulated or has nothing to promise.
 */
export async function simulatedSuite(given: SimulatedOptions): Promise<Suite> {
  const options = { ...given, queueDepths: given.calibrationFaults > 0 };
  const plan = planRun(options);
  const suite = await suiteOf(plan, await listen(options, plan), options);
  if (options.calibrationFaults === 0) return suite;
  let calibration: Promise<Calibration> | undefined;
  return {
    ...suite,
    calibration: () => {
      calibration ??= calibrationOf(options);
      return calibration;
    },
  };
}

/** What is asked about a run, and a model learnt of it. */
export async function suiteOf(plan: Plan, run: Run, options: SimulatedOptions): Promise<Suite> {
  const { objectives, callGraph } = promisesOf(plan, run, options);
  const { graph, model, training } = await learn(
    callGraph,
    run.windows.filter(({ endMs }) => endMs <= plan.trainEndMs),
    options,
  );
  const { cases, note } = await casesOf({ plan, run, objectives, graph }, options);
  return {
    name: 'simulated',
    cases: cases.map((item) => ({ ...item, observed: { ...item.observed, model } })),
    trainings: [training],
    notes: [
      runNote(run, plan),
      receivedNote(run.stats),
      `objectives: ${objectives.map(objectiveWords).join(', ')}`,
      note,
    ],
  };
}

/**
 * The same application in a run of its own, whose disturbances and faults are labelled; everything that is drawn is drawn
 * anew, and nothing of the scored run is in it.
 */
export async function calibrationOf(given: SimulatedOptions): Promise<Calibration> {
  const options: SimulatedOptions = {
    ...given,
    seed: createRng(given.seed)
      .fork('calibration')
      .integer(2 ** 31),
    faults: given.calibrationFaults,
    trainWindows: Math.min(given.trainWindows, CALIBRATION_TRAIN_WINDOWS),
    queueDepths: true,
    progress: (part, words) => given.progress(part, `calibration: ${words}`),
  };
  const plan = planRun(options);
  const run = await listen(options, plan);
  const { objectives, callGraph } = promisesOf(plan, run, options);
  const asked = { plan, run, objectives, graph: buildCausalGraph(callGraph) };
  const { cases } = await casesOf(asked, options);
  return { cases, windows: labelledWindows(asked) };
}

/** What a run's calm windows let be promised, and who calls whom in it. */
export function promisesOf(
  plan: Plan,
  { windows, callGraph }: Run,
  { topology, windowSeconds }: RunOptions,
): { readonly objectives: readonly Objective[]; readonly callGraph: CallGraph } {
  const calm = windows.filter((window) => window.endMs <= plan.calmEndMs && isUndisturbed(window, plan));
  const objectives = objectivesOf(plan.topology, calm);
  if (callGraph === undefined || objectives.length === 0) {
    throw new DataError(
      `${topology}: no root operation has calls enough in windows of ${windowSeconds} s for an objective`,
    );
  }
  return { objectives, callGraph };
}

function objectiveWords({ name, percentile, thresholdMs }: Objective): string {
  return `${name} ${percentile.replace('Ms', '')} at most ${thresholdMs.toFixed(1)} ms`;
}
