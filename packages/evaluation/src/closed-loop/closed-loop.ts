import type { CausalGraph } from '@sage/causal-graph';
import { ObjectiveWatcher } from '@sage/collector-extension';
import { createRng, type Objective, type Window } from '@sage/core';
import type { FittedModel } from '@sage/gvae';
import type { Allocation, FaultCase } from '@sage/simulator';
import { learn } from '../learn.js';
import { autoscaleMethod } from '../methods/autoscale.js';
import { causeInferMethod } from '../methods/causeinfer.js';
import { microscopeMethod } from '../methods/microscope.js';
import { oracleMethod } from '../methods/oracle.js';
import type { Calibration, Observed } from '../observed.js';
import { calibrationOf, promisesOf, type SimulatedOptions } from '../suites/simulated.js';
import { rememberAll } from '../suites/simulated-questions.js';
import { listen } from '../suites/simulated-run.js';
import { type Plan, planCases, planRun } from '../suites/simulated-world.js';
import { type EpisodesOptions, planEpisodes, TREATABLE_KINDS } from './episodes.js';
import { type Deed, Operator } from './operator.js';
import { allKnowing, answeringPolicy, type Policy, sagePolicy, scalingPolicy } from './policy.js';

/** What is simulated, beside what every step gets from outside. */
export interface ClosedLoopWorld
  extends Pick<
      SimulatedOptions,
      | 'topology'
      | 'trainWindows'
      | 'windowSeconds'
      | 'requestsPerSecond'
      | 'sampling'
      /** 0: those that need a labelled run are left out. */
      | 'calibrationFaults'
    >,
    Pick<EpisodesOptions, 'episodes' | 'calmWindows' | 'faultWindows'> {}

export type ClosedLoopOptions = ClosedLoopWorld & Pick<SimulatedOptions, 'seed' | 'nowMs' | 'progress'>;

/** The same time under one policy. */
export interface PolicyRun {
  /** `nobody`: nothing is done. */
  readonly policy: string;
  readonly windows: readonly Window[];
  /** In force from the end of each window on. */
  readonly allocations: readonly Allocation[];
  readonly deeds: readonly Deed[];
}

export interface ClosedLoop {
  readonly objectives: readonly Objective[];
  readonly startMs: number;
  readonly episodes: readonly FaultCase[];
  /** The first is nobody's. */
  readonly runs: readonly PolicyRun[];
}

export const NOBODY = 'nobody';

/**
 * An application in the simulator that is acted on: learnt from as in the suite of simulated faults, and then the same time
 * again under each policy, with the same requests and the same faults. Each begins with the application as it is deployed;
 * what differs comes of what was done. Throws a DataError for what cannot be simulated or has nothing to promise.
 */
export async function closedLoop(options: ClosedLoopOptions): Promise<ClosedLoop> {
  const training = trainingOf(options);
  const plan = planRun({ ...training, faults: 0 });
  const trained = await listen(training, plan);
  const { objectives, callGraph } = promisesOf(plan, trained, training);
  const { graph, model } = await learn(
    callGraph,
    trained.windows.filter(({ endMs }) => endMs <= plan.trainEndMs),
    options,
  );
  const looped = planLoop(plan, options);
  const past = rememberAll(trained.windows, objectives).flatMap(({ window, inIncident }) =>
    inIncident ? [] : [window],
  );
  const setting: Setting = { options: training, plan: looped, objectives, graph, model, past };
  const runs: PolicyRun[] = [await runOf(undefined, setting)];
  for (const policy of await policiesOf(training, looped.cases)) runs.push(await runOf(policy, setting));
  return { objectives, startMs: looped.trainStartMs, episodes: looped.cases, runs };
}

interface Setting {
  readonly options: SimulatedOptions;
  readonly plan: Plan;
  readonly objectives: readonly Objective[];
  readonly graph: CausalGraph;
  readonly model: FittedModel;
  /** Windows of the training outside incidents. */
  readonly past: readonly Window[];
}

/** The run that is learnt from, and the labelled one that parameters are chosen on. */
function trainingOf(options: ClosedLoopOptions): SimulatedOptions {
  return {
    ...options,
    faults: 0,
    kinds: TREATABLE_KINDS,
    concurrent: 1,
    replicas: 1,
    calmTraining: false,
    uninstrumented: 0,
  };
}

/** Begins where the calm time after the training ends. */
function planLoop(plan: Plan, options: ClosedLoopOptions): Plan {
  const { episodes, calmWindows, faultWindows, seed } = options;
  const { calmEndMs: startMs, windowMs, topology } = plan;
  const cases = planEpisodes(topology, {
    ...{ episodes, calmWindows, faultWindows, startMs, windowMs },
    rng: createRng(seed).fork('episodes'),
  });
  const endMs = startMs + episodes * (calmWindows + faultWindows) * windowMs;
  return planCases(plan, cases, { startMs, endMs });
}

/** One that is told, and those of the paper's figure, whose parameters are chosen on a labelled run of their own. */
async function policiesOf(
  training: SimulatedOptions,
  episodes: readonly FaultCase[],
): Promise<readonly Policy[]> {
  const always = [allKnowing(episodes), sagePolicy, scalingPolicy(autoscaleMethod('autoscale-strict'))];
  if (training.calibrationFaults === 0) return always;
  const calibration: Calibration = await calibrationOf(training);
  const policies: Policy[] = [];
  for (const candidate of [oracleMethod, causeInferMethod, microscopeMethod]) {
    const method = await candidate.prepare(calibration, {
      rng: createRng(training.seed).fork(candidate.name),
      progress: (part, words) => training.progress(part, `${candidate.name}: ${words}`),
    });
    if (method !== undefined) policies.push(answeringPolicy(method));
  }
  return [...always, ...policies];
}

async function runOf(policy: Policy | undefined, setting: Setting): Promise<PolicyRun> {
  const { options, plan, objectives, graph, model } = setting;
  const name = policy?.name ?? NOBODY;
  const watcher = new ObjectiveWatcher();
  const past = [...setting.past];
  const allocations: Allocation[] = [];
  const operator =
    policy &&
    new Operator({
      policy,
      objectives,
      windowSeconds: options.windowSeconds,
      observe: (window, objective): Observed => ({
        ...{ graph, model, window, objective },
        history: past.filter(({ endMs }) => endMs < window.endMs),
        rng: createRng(options.seed).fork(`${objective.name} ${window.endMs}`),
      }),
    });
  const { windows } = await listen(
    { ...options, progress: (part, words) => options.progress(part, `${name}: ${words}`) },
    plan,
    (window, _, underWay) => {
      const inIncident = objectives.some((objective) => watcher.isBroken(objective));
      watcher.observe(window, objectives);
      if (!inIncident) past.push(window);
      operator?.onWindow(window, underWay);
      allocations.push(underWay.controls.allocation());
    },
  );
  return { policy: name, windows, allocations, deeds: operator?.deeds ?? [] };
}
