import type { Rng } from '@sage/core';
import * as tf from '@tensorflow/tfjs-core';
import { Adam, learningRate } from './adam.js';
import { type Batch, buildBatch } from './batch.js';
import { totalEffects } from './chain.js';
import { buildConstants, type Constants, disposeConstants } from './constants.js';
import type { Layout } from './layout.js';
import { FULL_WEIGHTS, type LossWeights, lossTerms, totalLoss } from './loss.js';
import { edgeWeights, listParameters, type Parameter } from './parameters.js';
import type { Inputs, Scales } from './scales.js';
import { toTensors } from './stacked-network.js';

export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  readonly loss: number;
  readonly parameters: Float32Array;
}

export interface TrainOptions {
  readonly epochs: number;
  readonly rng: Rng;
  readonly signal: AbortSignal | undefined;
  onEpoch(report: EpochReport): void;
}

/** An epoch has at least this many steps where the rows allow it, of at least and at most so many rows. */
const STEPS = 5;
const LEAST_BATCH_ROWS = 8;
const MOST_BATCH_ROWS = 64;
/** Weight decay is this over the number of rows, at most 1: the fewer the data, the more the prior on weights counts. */
const PRIOR_ROWS = 50;
/** Epochs over which β grows to its full value. */
const WARM_UP = 20;
/** Epochs without a better held-out loss before training stops. */
const PATIENCE = 30;

/** Returns the parameters that were best on the held-out rows. Leaves no tensor behind; the signal's reason is thrown. */
export async function train(
  layout: Layout,
  scales: Scales,
  rows: { readonly training: readonly Inputs[]; readonly heldOut: readonly Inputs[] },
  start: Float32Array,
  options: TrainOptions,
): Promise<Float32Array> {
  const list = listParameters(layout);
  const parameters = Float32Array.from(start);
  const adam = new Adam(parameters.length, Math.min(1, PRIOR_ROWS / rows.training.length));
  const order = rows.training.map((_, i) => i);
  const judged = buildBatch(layout, rows.heldOut, undefined);
  const batchRows = Math.min(MOST_BATCH_ROWS, Math.max(LEAST_BATCH_ROWS, Math.ceil(order.length / STEPS)));
  const steps = Math.ceil(order.length / batchRows);
  const constants = buildConstants(layout, scales);
  let best = Float32Array.from(parameters);
  let bestLoss = Number.POSITIVE_INFINITY;
  let bestEpoch = 0;
  try {
    for (let epoch = 1; epoch <= options.epochs; epoch++) {
      const beta = FULL_WEIGHTS.beta * Math.min(1, epoch / WARM_UP);
      shuffle(order, options.rng);
      for (let step = 0; step < steps; step++) {
        const picked = order.slice(step * batchRows, (step + 1) * batchRows);
        const batch = buildBatch(
          layout,
          picked.map((i) => rows.training[i] as Inputs),
          options.rng,
        );
        const effects = totalEffects(layout, edgeWeights(layout, list, parameters));
        const gradient = slope(layout, list, constants, parameters, batch, effects, {
          ...FULL_WEIGHTS,
          beta,
        });
        adam.step(parameters, gradient, learningRate((epoch - 1 + step / steps) / options.epochs));
      }
      const loss = judge(layout, list, constants, parameters, judged);
      if (loss < bestLoss) {
        bestLoss = loss;
        bestEpoch = epoch;
        best = Float32Array.from(parameters);
      }
      options.onEpoch({ epoch, loss, parameters });
      // Lets timers, requests and the abort that may be waiting have their turn.
      await new Promise((resolve) => setImmediate(resolve));
      options.signal?.throwIfAborted();
      if (epoch - bestEpoch >= PATIENCE) break;
    }
  } finally {
    disposeConstants(constants);
  }
  return best;
}

function slope(
  layout: Layout,
  list: readonly Parameter[],
  constants: Constants,
  parameters: Float32Array,
  batch: Batch,
  effects: Float32Array,
  weights: LossWeights,
): Float32Array {
  return tf.tidy(() => {
    const tensors = toTensors(list, parameters);
    const gradients = tf.grads((...values: tf.Tensor[]) => {
      const named = new Map(list.map(({ name }, i) => [name, values[i] as tf.Tensor]));
      return totalLoss(lossTerms(layout, constants, named, batch, effects), weights);
    })(tensors);
    const flat = new Float32Array(parameters.length);
    gradients.forEach((gradient, i) => {
      flat.set(gradient.dataSync(), list[i]?.offset);
    });
    return flat;
  });
}

function judge(
  layout: Layout,
  list: readonly Parameter[],
  constants: Constants,
  parameters: Float32Array,
  batch: Batch,
): number {
  return tf.tidy(() => {
    const tensors = toTensors(list, parameters);
    const named = new Map(list.map(({ name }, i) => [name, tensors[i] as tf.Tensor]));
    const effects = totalEffects(layout, edgeWeights(layout, list, parameters));
    const loss = totalLoss(lossTerms(layout, constants, named, batch, effects), FULL_WEIGHTS);
    return loss.dataSync()[0] as number;
  });
}

/** Fisher and Yates, in place. */
function shuffle(items: number[], rng: Rng): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = rng.integer(i + 1);
    [items[i], items[j]] = [items[j] as number, items[i] as number];
  }
}
