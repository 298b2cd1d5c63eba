import type { CausalGraph } from '@sage/causal-graph';
import { createRng, type Rng, type Window } from '@sage/core';
import { loadBackend } from './backend.js';
import { calibrateResiduals, measureAccuracy } from './calibration.js';
import { FittedModel } from './fitted-model.js';
import { buildLayout } from './layout.js';
import { Mechanism } from './mechanism.js';
import { initialParameters, listParameters } from './parameters.js';
import { fitScales, readInputs } from './scales.js';
import { train } from './train.js';
import { warmStart } from './warm-start.js';

export interface FitProgress {
  readonly epoch: number;
  readonly epochs: number;
  /** Held-out loss. */
  readonly loss: number;
  /** Held-out R² over all nodes. */
  readonly r2: number;
}

export interface FitOptions {
  /** At most; training stops by itself when held-out windows gain nothing. Default 150. */
  readonly epochs?: number;
  /** Either of the two; the same seed and data give the same model. Default: seed 1. */
  readonly rng?: Rng;
  readonly seed?: number;
  /** Its reason is thrown when it fires. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FitProgress) => void;
  /** An earlier model: what survives in the graph starts from its weights. */
  readonly warmStart?: FittedModel;
}

export const MIN_WINDOWS = 20;

export type FitFailure = 'too-few-windows' | 'empty-graph' | 'bad-option';

/** Data that no model can be learnt from. */
export class FitError extends Error {
  readonly reason: FitFailure;

  constructor(reason: FitFailure, message: string) {
    super(message);
    this.name = 'FitError';
    this.reason = reason;
  }
}

/**
 * Learns how latency arises in an application from windows in time order; the last fifth is held out to judge by.
 * Throws a FitError for data that nothing can be learnt from.
 */
export async function fitModel(
  graph: CausalGraph,
  windows: readonly Window[],
  options: FitOptions = {},
): Promise<FittedModel> {
  const { epochs = 150, rng = createRng(options.seed ?? 1), signal, onProgress } = options;
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new FitError('bad-option', `epochs must be a whole number of at least 1, not ${epochs}`);
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
  await loadBackend();
  const cut = useful.length - Math.max(4, Math.round(0.2 * useful.length));
  const layout = buildLayout(graph, useful);
  const scales = fitScales(layout, useful.slice(0, cut));
  const rows = useful.map((window) => readInputs(layout, scales, window));
  const heldOut = rows.slice(cut);
  const start = initialParameters(listParameters(layout), rng.fork('weights'));
  if (options.warmStart !== undefined) warmStart(layout, start, options.warmStart.state);
  const accuracy = (parameters: Float32Array) =>
    measureAccuracy(layout, new Mechanism(layout, scales, parameters), {
      rows: heldOut,
      usual: scales.median,
    });

  const parameters = await train(layout, scales, { training: rows.slice(0, cut), heldOut }, start, {
    epochs,
    rng: rng.fork('batches'),
    signal,
    onEpoch: ({ epoch, loss, parameters: current }) => {
      if (onProgress !== undefined) onProgress({ epoch, epochs, loss, r2: accuracy(current).overall });
    },
  });
  const mechanism = new Mechanism(layout, scales, parameters);
  const residuals = calibrateResiduals(layout, scales, mechanism, rows);
  const { services: r2, overall: overallR2 } = accuracy(parameters);
  return new FittedModel({ graph, layout, scales, parameters, residuals, r2, overallR2 });
}
