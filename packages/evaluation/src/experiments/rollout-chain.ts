import { buildCausalGraph, type CallGraph } from '@sage/causal-graph';
import { createRng } from '@sage/core';
import { type FittedModel, fitModel, MIN_WINDOWS, planRetraining } from '@sage/gvae';
import { editTopology, type Topology } from '@sage/simulator';
import { sageMethod } from '../methods/sage.js';
import { type Answer, DataError, type LabelledCase } from '../observed.js';
import { type CaseResult, resultOf } from '../scoring.js';
import { promisesOf } from '../suites/simulated.js';
import { casesOf } from '../suites/simulated-cases.js';
import { listen, type Run, type RunOptions } from '../suites/simulated-run.js';
import { type Plan, planTopology, topologyOf } from '../suites/simulated-world.js';
import type { Sizes } from './experiment.js';
import { reconstruct } from './reconstruct.js';
import { modelBy, POLICIES, type Policy } from './rollout-policies.js';
import type { Version } from './rollout-versions.js';
import type { StepContext } from './step.js';
import { withoutTail } from './worlds.js';

/** `trainWindows`: learnt from before the first roll-out. */
export type RolloutsOptions = Sizes['rollouts'] &
  Pick<Sizes, 'trainWindows' | 'windowSeconds' | 'requestsPerSecond' | 'sampling'>;

export interface RolloutResult {
  readonly letter: string;
  readonly services: number;
  /** Whose networks learn again, partly and incrementally, when all windows are there, and why. */
  readonly relearnt: { readonly kind: string; readonly services: readonly string[] };
  readonly attempts: readonly Attempt[];
}

/** What a policy had made of so many windows since a roll-out. */
export interface Attempt {
  readonly policy: Policy;
  readonly windows: number;
  /** That making it took. */
  readonly seconds: number;
  /** Networks learnt; false: reshaped only, or none. */
  readonly learnt: boolean;
  /** R² of the windows asked about, as in `Reconstruction`; null without a model. */
  readonly r2: number | null;
  readonly cases: readonly CaseResult[];
}

/** Who learn from what they knew, each from what itself had made of the version before. */
type Known = Readonly<Record<Policy, FittedModel>>;

const NO_MODEL: Answer = { verdict: 'undetermined', blamed: [], ranked: [] };

/**
 * An application that goes through versions, each a run of its own in continuing time. Every policy makes a model whenever
 * the next number of windows since the roll-out is there, beginning with what it had at the end of the version before, and
 * is asked about the same faults of the version with the same past: what differs is the model alone. Throws a DataError
 * for what cannot be simulated.
 */
export async function measureRollouts(
  options: RolloutsOptions,
  context: StepContext,
): Promise<readonly RolloutResult[]> {
  const original = topologyOf(options.topology);
  const versions = options.versions.map((version) => ({
    letter: version.letter,
    topology: editedBy(version, original),
  }));
  const runs = versions.length + 1;
  const contextOf = (index: number): StepContext => ({
    ...context,
    progress: (part, words) => context.progress((index + part) / runs, words),
  });
  const first = await runVersion(original, { ...options, faults: 0 }, contextOf(0), {
    name: 'before',
    startMs: 0,
    windows: [options.trainWindows],
  });
  const model = await fitModel(graphAt(first, options.trainWindows), trainingOf(first), {
    seed: context.seed,
  });
  let known: Known = { 'from scratch': model, incremental: model, 'partial + incremental': model };
  let { endMs } = first.plan;
  const results: RolloutResult[] = [];
  for (const [index, { letter, topology }] of versions.entries()) {
    const version = await runVersion(topology, options, contextOf(index + 1), {
      name: letter,
      startMs: endMs,
      windows: options.windows,
    });
    const { result, models } = await followVersion(letter, version, known, contextOf(index + 1));
    results.push(result);
    known = models;
    endMs = version.plan.endMs;
  }
  return results;
}

function editedBy({ letter, edits }: Version, original: Topology): Topology {
  try {
    return editTopology(original, edits);
  } catch (error) {
    throw error instanceof RangeError ? new DataError(`roll-out ${letter}: ${error.message}`) : error;
  }
}

interface VersionRun {
  readonly options: RunOptions;
  readonly plan: Plan;
  readonly run: Run;
  /** By the number of windows since the roll-out: the call graph as known then. */
  readonly callGraphs: ReadonlyMap<number, CallGraph>;
}

async function runVersion(
  topology: Topology,
  { windowSeconds, ...options }: RolloutsOptions,
  context: StepContext,
  version: { readonly name: string; readonly startMs: number; readonly windows: readonly number[] },
): Promise<VersionRun> {
  const runOptions: RunOptions = {
    topology: options.topology,
    seed: createRng(context.seed)
      .fork(`version ${version.name}`)
      .integer(2 ** 31),
    windowSeconds,
    trainWindows: Math.max(...version.windows),
    faults: options.faults,
    requestsPerSecond: options.requestsPerSecond,
    sampling: options.sampling,
    kinds: ['cpu', 'memory', 'disk', 'network', 'llc', 'bug'],
    concurrent: 1,
    replicas: 1,
    uninstrumented: 0,
    calmTraining: false,
    nowMs: context.nowMs,
    progress: (part, words) => context.progress(part / 2, `${version.name}: ${words}`),
  };
  const windowMs = 1000 * windowSeconds;
  const plan = planTopology(topology, runOptions, windowMs * Math.ceil(version.startMs / windowMs));
  const callGraphs = new Map<number, CallGraph>();
  const run = await listen(runOptions, plan, ({ endMs }, callGraph) => {
    const count = Math.round((endMs - plan.trainStartMs) / windowMs);
    if (version.windows.includes(count)) callGraphs.set(count, callGraph());
  });
  return { options: runOptions, plan, run, callGraphs };
}

function graphAt({ callGraphs }: VersionRun, windows: number) {
  const callGraph = callGraphs.get(windows);
  if (callGraph === undefined) throw new Error(`no window was given out ${windows} windows after a roll-out`);
  return buildCausalGraph(callGraph);
}

/** Windows of the time after a roll-out that is learnt from. */
function trainingOf({ plan, run }: VersionRun) {
  return run.windows.filter(({ endMs }) => endMs <= plan.trainEndMs);
}

/** All attempts of all policies at a version, and what each of them has at its end. */
async function followVersion(
  letter: string,
  version: VersionRun,
  known: Known,
  { seed, nowMs, progress }: StepContext,
): Promise<{ readonly result: RolloutResult; readonly models: Known }> {
  const { plan, run, options, callGraphs } = version;
  const training = trainingOf(version);
  const last = graphAt(version, training.length);
  const { objectives } = promisesOf(plan, run, options);
  const { cases } = await casesOf({ plan, run, objectives, graph: last }, options);
  const attempts: Attempt[] = [];
  const models = { ...known };
  for (const [index, windows] of [...callGraphs.keys()].entries()) {
    progress(0.5 + index / callGraphs.size / 2, `${letter}: models of ${windows} windows`);
    const material = { graph: graphAt(version, windows), windows: training.slice(0, windows), seed };
    for (const policy of POLICIES) {
      const present = known[policy];
      const began = nowMs();
      const model = await modelBy(policy, { ...material, present });
      const seconds = (nowMs() - began) / 1000;
      const learnt = windows >= MIN_WINDOWS && model !== undefined && model !== present;
      attempts.push({ policy, windows, seconds, learnt, ...asked(cases, model, nowMs) });
      models[policy] = model ?? present;
    }
  }
  const { kind, services } = planRetraining(known['partial + incremental'], last, training);
  return {
    result: { letter, services: last.services.length, relearnt: { kind, services }, attempts },
    models,
  };
}

/** Every case asked of a model; the labels are read when all have been answered. */
function asked(
  cases: readonly LabelledCase[],
  model: FittedModel | undefined,
  nowMs: () => number,
): Pick<Attempt, 'r2' | 'cases'> {
  const sage = sageMethod('sage');
  const withModel = model && cases.map((item) => ({ ...item, observed: { ...item.observed, model } }));
  const answers = cases.map((_, index) => {
    const began = nowMs();
    const observed = withModel?.[index]?.observed;
    return { answer: observed ? sage.answer(observed) : NO_MODEL, elapsedMs: nowMs() - began };
  });
  const results = cases.map(({ id, kind, truth }, index) => {
    const { answer, elapsedMs } = answers[index] as (typeof answers)[number];
    return resultOf({ id, kind, answer, elapsedMs }, truth());
  });
  return {
    r2: withModel === undefined ? null : reconstruct(withModel).r2,
    cases: withoutTail(results),
  };
}
