import type { CausalGraph } from '@sage/causal-graph';
import { createRng, type Rng, type Window } from '@sage/core';
import { loadBackend } from './backend.js';
import { FitError } from './fit-error.js';
import type { FittedModel } from './fitted-model.js';
import { holdOut } from './hold-out.js';
import { buildLayout } from './layout.js';
import { type FitProgress, learnUnits, type Unfinished } from './learn-units.js';
import { initialParameters } from './parameters.js';
import { planRetraining, renew } from './retraining.js';
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
}

export const MIN_WINDOWS = 20;

/**
 * Learns how latency arises in an application from windows in time order; a fifth of them is held out to judge by.
 * Throws a FitError for data that nothing can be learnt from.
 */
export async function fitModel(
  graph: CausalGraph,
  windows: readonly Window[],
  options: FitOptions = {},
): Promise<FittedModel> {
  const { rng = createRng(options.seed ?? 1), signal, onProgress, present } = options;
  if (options.epochs !== undefined && !(Number.isInteger(options.epochs) && options.epochs >= 1)) {
    throw new FitError('bad-option', `epochs must be a whole number of at least 1, not ${options.epochs}`);
  }
  if (graph.latency.length === 0) throw new FitError('empty-graph', 'the graph has no latency node to learn');
  const useful = windows.filter((window) => graph.latency.some(({ id }) => window.latency.has(id)));
  if (useful.length < MIN_WINDOWS) {
    throw new FitError(
      'too-few-windows',
      `${useful.length} of ${windows.length} windows saw a node of the graph; at least ${MIN_WINDOWS} are needed`,
    );
  }
  signal?.throwIfAborted();
  const plan = present && planRetraining(present, graph, useful);
  if (plan?.kind === 'none') return present as FittedModel;
  await loadBackend();

  const layout = buildLayout(graph, useful);
  const parts = holdOut(useful);
  const scales = fitScales(layout, parts.training);
  const fresh: Unfinished = {
    graph,
    layout,
    scales,
    parameters: initialParameters(layout, rng.fork('weights')),
    units: layout.units.map((_, u) => u),
  };
  const isKnown = present !== undefined && plan !== undefined;
  const unfinished = isKnown ? renew(fresh, present, plan) : fresh;
  const epochs =
    options.epochs ?? defaultEpochs(parts.training.length, isKnown ? 'from known' : 'from nothing');
  return learnUnits(unfinished, parts, { epochs, rng: rng.fork('batches'), signal, onProgress });
}
