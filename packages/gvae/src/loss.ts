import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from './batch.js';
import { KNOWN_REACH, LEAST, UNMET } from './own-time.js';
import { HIDDEN_REACH, MOST_LOG_VARIANCE } from './parameters.js';
import { type Stack, stackedNetwork } from './stacks.js';
import type { ErrorWeights, StructuralErrors, StructuralLoss } from './structural-loss.js';

export interface LossWeights {
  /** Share of the posterior's terms against the prior's. */
  readonly alpha: number;
  /** Grows to its full value while training warms up. */
  readonly beta: number;
  /** Share of chained against teacher-forced decoding. */
  readonly gamma: number;
  /**
   * Pull of edge corrections towards none: normal data hardly identify them. Not of aggregates, where data know more than
   * the graph does.
   */
  readonly corrections: number;
}

/**
 * The reference has α = 0.9. What the posterior has to say goes past the hidden layers for the most part, so half is left
 * to what X alone foretells.
 */
export const FULL_WEIGHTS: LossWeights = { alpha: 0.5, beta: 0.005, gamma: 0.5, corrections: 5 };

/** α [γ q-chained + (1−γ) q-forced] + (1−α) [γ p-chained + (1−γ) p-forced] (reference, section 2). */
export function errorWeights({ alpha, gamma }: LossWeights): ErrorWeights {
  return {
    posteriorChained: alpha * gamma,
    posteriorForced: alpha * (1 - gamma),
    priorChained: (1 - alpha) * gamma,
    priorForced: (1 - alpha) * (1 - gamma),
  };
}

export interface LossOptions {
  readonly weights: LossWeights;
  readonly edgeWeights: Float64Array;
  /** See `StructuralLoss.evaluate`. */
  readonly fixed?: readonly Float32Array[] | undefined;
  /** Told of the errors, and of the slopes by edge weight where gradients are to be taken. */
  readonly onErrors?: (errors: StructuralErrors, edges: Float64Array | undefined) => void;
  /** Whether gradients are to be taken. */
  readonly withSlopes: boolean;
}

/** L without the pull on edge corrections: the weighted errors and α β KL(q‖p) per seen node and row. */
export function dataLoss(
  structure: StructuralLoss,
  stacks: readonly Stack[],
  tensors: readonly tf.Tensor[],
  batch: Batch,
  options: LossOptions,
): tf.Scalar {
  const rows = batch.inputs.length;
  let divergences = tf.scalar(0) as tf.Tensor;
  const heads = stacks.map(({ units, features, owned, roots }, k) => {
    const read = batch.stacks[k] as Batch['stacks'][number];
    const known = tf.tensor3d(read.features, [units.length, rows, features]);
    const own = tf.tensor3d(read.own, [units.length, rows, 3 * owned]);
    const { mean, logVariance } = gaussian(
      stackedNetwork(k, 'encoder', tf.concat([known, held(own)], 2), tensors),
    );
    const spread = tf.tensor3d(read.rawSpread, [units.length, 1, 3 * owned]);
    const posterior = { mean: tf.add(own, heardBeside(mean, own, spread)), logVariance };
    const prior = gaussian(stackedNetwork(k, 'prior', known, tensors));
    divergences = tf.add(divergences, divergence(posterior, prior));
    const latent = draw(
      tf.concat([posterior.mean, prior.mean], 1),
      tf.concat([posterior.logVariance, prior.logVariance], 1),
      tf.tensor3d(read.noise, [units.length, 2 * rows, 3 * owned]),
    );
    const load = tf.tensor3d(read.load, [units.length, 2 * rows, roots]);
    const said = stackedNetwork(
      k,
      'decoder',
      tf.concat([tf.concat([known, known], 1), held(latent), load], 2),
      tensors,
    );
    return tf.add(
      heardBeside(said, latent, spread),
      tf.mul(latent, tf.tensor3d(read.latentScale, [units.length, 1, 3 * owned])),
    );
  });
  const structural = structuralTerm(structure, heads, batch, options);
  const { alpha, beta } = options.weights;
  const perNode = (alpha * beta) / Math.max(1, rows * structure.decoded.length);
  return tf.add(structural, tf.mul(divergences, perNode)) as tf.Scalar;
}

/** The structural errors as one operation, whose derivative by the heads is computed along with its value. */
function structuralTerm(
  structure: StructuralLoss,
  heads: readonly tf.Tensor[],
  batch: Batch,
  { weights, edgeWeights, fixed, onErrors, withSlopes }: LossOptions,
): tf.Tensor {
  const parts = errorWeights(weights);
  const operation = tf.customGrad((...inputs) => {
    const values = (inputs.slice(0, heads.length) as tf.Tensor[]).map(
      (tensor) => tensor.dataSync() as Float32Array,
    );
    const { errors, slopes } = structure.evaluate(values, batch.inputs, {
      weights: edgeWeights,
      fixed,
      errorWeights: withSlopes ? parts : undefined,
    });
    onErrors?.(errors, slopes?.edges);
    const value =
      parts.posteriorChained * errors.posteriorChained +
      parts.posteriorForced * errors.posteriorForced +
      parts.priorChained * errors.priorChained +
      parts.priorForced * errors.priorForced;
    return {
      value: tf.scalar(value),
      gradFunc: (slope: tf.Tensor) =>
        heads.map((tensor, k) => tf.mul(tf.tensor(slopes?.heads[k] as Float32Array, tensor.shape), slope)),
    };
  });
  return operation(...heads);
}

export interface Gaussian {
  readonly mean: tf.Tensor;
  readonly logVariance: tf.Tensor;
}

/** Splits a network's output; the log variance is held softly. */
function gaussian(output: tf.Tensor): Gaussian {
  const [mean, raw] = tf.split(output, 2, 2) as [tf.Tensor, tf.Tensor];
  return { mean, logVariance: softly(raw, MOST_LOG_VARIANCE) };
}

/** What hidden layers are told of own latencies or latents. */
function held(values: tf.Tensor): tf.Tensor {
  return softly(values, HIDDEN_REACH);
}

/** What hidden layers say, as far as it is `heard` beside own latencies or latents. */
function heardBeside(said: tf.Tensor, values: tf.Tensor, spread: tf.Tensor): tf.Tensor {
  const raw = tf.mul(values, spread);
  const beyond = tf.relu(tf.mul(raw, 1 / KNOWN_REACH));
  const below = tf.relu(tf.sub(LEAST, raw));
  const above = tf.relu(tf.sub(1, tf.mul(below, 1 / (LEAST - UNMET))));
  return tf.div(tf.mul(said, above), tf.add(tf.square(tf.square(beyond)), 1));
}

function softly(values: tf.Tensor, most: number): tf.Tensor {
  return tf.mul(tf.tanh(tf.mul(values, 1 / most)), most);
}

/** Reparameterised (Kingma and Welling 2014): μ + σ ε. */
function draw(mean: tf.Tensor, logVariance: tf.Tensor, noise: tf.Tensor): tf.Tensor {
  return tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise));
}

/** KL(q‖p) of diagonal normals, summed: ½ Σ [ln σp²/σq² + (σq² + (μq − μp)²)/σp² − 1]. */
export function divergence(q: Gaussian, p: Gaussian): tf.Scalar {
  const gap = tf.square(tf.sub(q.mean, p.mean));
  const ratio = tf.mul(tf.add(tf.exp(q.logVariance), gap), tf.exp(tf.neg(p.logVariance)));
  const each = tf.sub(tf.add(tf.sub(p.logVariance, q.logVariance), ratio), 1);
  return tf.mul(tf.sum(each), 0.5) as tf.Scalar;
}
