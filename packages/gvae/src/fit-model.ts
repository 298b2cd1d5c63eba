import type { CausalGraph } from '@sage/causal-graph';
import { createRng, type Rng, type Window } from '@sage/core';
import { loadBackend } from './backend.js';
import { FitError } from './fit-error.js';
import type { FittedModel } from './fitted-model.js';
import { holdOut } from './hold-out.js';
import { buildLayout } from './layout.js';
import { type FitProgress, learnUnits, type Unfinished } from './learn-units.js';
import { initialParameters } from './parameters.js';
import { planRetraining, type RetrainingPlan, renew } from './retraining.js';
import { fitScales } from './scales.js';
import { defaultEpochs } from './train.js';

export interface FitOptions {
  /**
   * At most; training stops by itself when held-out windows gain nothing. Default: as many as make about 900 steps, from
   * 20 to 150; for what learns again about 150 steps, from 4 epochs on.
   */
  readonly epochs?: number;
  /** Either of the two; the same seed and data give the same model. Default: seed 1. */
  readonly rng?: Rng;
  readonly seed?: number;
  /** Its reason is thrown when it fires. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FitProgress) => void;
  /** The model in use: only what `planRetraining` names is learnt again; it is the answer where that is nothing. */
  readonly present?: FittedModel;
  /**
   * Windows outside incidents, up to now: what has changed for good is read off these, and learnt from those of them that
   * are in `windows`, too. Default: all windows.
   */
  readonly calm?: readonly Window[];
}

export interface RelearnOptions extends FitOptions {
  /**
   * How much of `present` learns again (paper, section on retraining): `changed`, what `planRetraining` names: partial and
   * incremental; `all`: incremental; `nothing`: it is reshaped to graph and metrics and answers with what it knows, from
   * the first window on; what is new in it has the values that learning would begin with. Default: `changed`.
   */
  readonly relearn?: 'changed' | 'all' | 'nothing';
}

/** Less is not learnt from. */
export const MIN_WINDOWS = 20;

/**
 * Learns how latency arises in an application from windows in time order; a fifth of them is held out to judge by.
 * Throws a FitError for data that nothing can be learnt from.
 */
export async function fitModel(
  graph: CausalGraph,
  windows: readonly Window[],
  options: RelearnOptions = {},
): Promise<FittedModel> {
  const { rng = createRng(options.seed ?? 1), signal, onProgress, present, relearn = 'changed' } = options;
  if (options.epochs !== undefined && !(Number.isInteger(options.epochs) && options.epochs >= 1)) {
    throw new FitError('bad-option', `epochs must be a whole number of at least 1, not ${options.epochs}`);
  }
  if (graph.latency.length === 0) throw new FitError('empty-graph', 'the graph has no latency node to learn');
  const isUseful = (window: Window) => graph.latency.some(({ id }) => window.latency.has(id));
  const all = windows.filter(isUseful);
  const reshapes = present !== undefined && relearn === 'nothing';
  const needed = reshapes ? 1 : MIN_WINDOWS;
  if (all.length < needed) {
    throw new FitError(
      'too-few-windows',
      `${all.length} of ${windows.length} windows saw a node of the graph; at least ${needed} are needed`,
    );
  }
  signal?.throwIfAborted();
  const calm = options.calm?.filter(isUseful) ?? all;
  const plan = present && planRetraining(present, graph, all, { calm });
  if (present !== undefined && plan !== undefined && holds(plan, relearn)) return present;
  const useful = plan === undefined || relearn !== 'changed' ? all : materialOf(plan, all, calm);
  // So little of the new behaviour is not learnt from yet.
  if (present !== undefined && useful.length < needed) return present;
  await loadBackend();

  const layout = buildLayout(graph, all);
  // Where nothing learns, nothing has to be held out of it.
  const parts = reshapes ? { training: useful, heldOut: useful } : holdOut(useful);
  const scales = fitScales(layout, parts.training);
  const fresh: Unfinished = {
    graph,
    layout,
    scales,
    parameters: initialParameters(layout, rng.fork('weights')),
    units: layout.units.map((_, u) => u),
    learntFrom: new Map(),
  };
  const isKnown = present !== undefined && plan !== undefined;
  const renewed = isKnown ? renew(fresh, present, plan) : fresh;
  const units = reshapes ? [] : relearn === 'all' ? fresh.units : renewed.units;
  const sinceMs = useful[0]?.startMs ?? Number.NEGATIVE_INFINITY;
  const learntFrom = new Map(renewed.learntFrom);
  for (const u of units) {
    learntFrom.set(layout.units[u]?.service as string, { sinceMs, windows: useful.length });
  }
  const epochs =
    options.epochs ?? defaultEpochs(parts.training.length, isKnown ? 'from known' : 'from nothing');
  return learnUnits({ ...renewed, units, learntFrom }, parts, {
    epochs: reshapes ? 0 : epochs,
    rng: rng.fork('batches'),
    signal,
    onProgress,
  });
}

/** What a plan has something to learn from: where a behaviour has changed, windows outside incidents since then. */
function materialOf(
  { kind, sinceMs, calmOnly }: RetrainingPlan,
  windows: readonly Window[],
  calm: readonly Window[],
): readonly Window[] {
  const isCalm = new Set(calm);
  const since = windows.filter((window) => window.startMs >= sinceMs && (!calmOnly || isCalm.has(window)));
  const mustLearn = kind === 'graph' || kind === 'metrics';
  return mustLearn && since.length < MIN_WINDOWS ? windows : since;
}

/** Whether the model in use is the answer as it is. */
function holds({ kind }: RetrainingPlan, relearn: RelearnOptions['relearn']): boolean {
  // Where latencies have drifted, or loads are new, the graph is as it was: there is nothing to reshape.
  if (relearn === 'nothing') return kind !== 'graph' && kind !== 'metrics';
  return relearn === 'changed' && kind === 'none';
}
