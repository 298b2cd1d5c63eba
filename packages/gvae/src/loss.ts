import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from './batch.js';
import type { Constants } from './constants.js';
import { LATENT, type Layout } from './layout.js';
import { stackedNetwork, type Weights } from './stacked-network.js';

/** The parts the loss is the sum of (reference, section 2), each a scalar. q: Z from the encoder; p: from the prior. */
export interface LossTerms {
  readonly posteriorChained: tf.Scalar;
  readonly posteriorForced: tf.Scalar;
  readonly priorChained: tf.Scalar;
  readonly priorForced: tf.Scalar;
  readonly divergence: tf.Scalar;
  readonly corrections: tf.Scalar;
}

export interface LossWeights {
  /** Share of the posterior's terms against the prior's. */
  readonly alpha: number;
  /** Grows to its full value while training warms up. */
  readonly beta: number;
  /** Share of chained against teacher-forced decoding. */
  readonly gamma: number;
  /** Pull of edge corrections towards none: normal data hardly identify them. */
  readonly corrections: number;
}

export const FULL_WEIGHTS: LossWeights = { alpha: 0.9, beta: 0.1, gamma: 0.5, corrections: 5 };

/** L = α [γ q-chained + (1−γ) q-forced + β KL] + (1−α) [γ p-chained + (1−γ) p-forced] + c · mean θ². */
export function totalLoss(terms: LossTerms, { alpha, beta, gamma, corrections }: LossWeights): tf.Scalar {
  const mix = (chained: tf.Scalar, forced: tf.Scalar) =>
    tf.add(tf.mul(chained, gamma), tf.mul(forced, 1 - gamma)) as tf.Scalar;
  const posterior = tf.add(
    mix(terms.posteriorChained, terms.posteriorForced),
    tf.mul(terms.divergence, beta),
  );
  const prior = mix(terms.priorChained, terms.priorForced);
  const data = tf.add(tf.mul(posterior, alpha), tf.mul(prior, 1 - alpha));
  return tf.add(data, tf.mul(terms.corrections, corrections)) as tf.Scalar;
}

/** `effects`: see `totalEffects`; constant within a step, so edge corrections learn from observed parents alone. */
export function lossTerms(
  layout: Layout,
  constants: Constants,
  weights: Weights,
  batch: Batch,
  effects: Float32Array,
): LossTerms {
  const stack = layout.services.length;
  const nq = 3 * layout.nodes.length;
  const { rows } = batch;
  const { features: featureWidth, owned, roots, edges: edgeWidth } = layout.width;
  const features = tf.tensor3d(batch.features, [stack, rows, featureWidth]);
  const own = tf.tensor3d(batch.own, [stack, rows, 3 * owned]);
  const posterior = gaussian(stackedNetwork('encoder', tf.concat([features, own], 2), weights));
  const prior = gaussian(stackedNetwork('prior', features, weights));
  const draw = (of: Gaussian, noise: Float32Array) =>
    tf.add(of.mean, tf.mul(tf.exp(tf.mul(of.logVariance, 0.5)), tf.tensor3d(noise, [stack, rows, LATENT])));
  const decoderInput = tf.concat(
    [
      tf.concat([features, features], 1),
      tf.concat([draw(posterior, batch.noise[0]), draw(prior, batch.noise[1])], 1),
      tf.tensor3d(batch.load, [stack, 2 * rows, roots]),
    ],
    2,
  );
  const self = selfTimes(stackedNetwork('decoder', decoderInput, weights), constants, weights, nq);

  const chained = tf.matMul(self, tf.tensor2d(effects, [nq, nq]));
  const correction = weights.get('edge.correction') as tf.Tensor;
  const factors = tf.reshape(
    tf.tile(tf.mul(tf.exp(tf.mul(tf.tanh(correction), 0.2)), priorWeights(layout)), [1, 3]),
    [1, 3 * edgeWidth],
  );
  const handedOn = tf.matMul(
    tf.mul(tf.tensor2d(batch.edges, [rows, 3 * edgeWidth]), factors),
    constants.edges,
  );
  const forced = tf.add(self, tf.concat([handedOn, handedOn], 0));

  const target = tf.tensor2d(batch.target, [rows, nq]);
  const mask = tf.tensor2d(batch.mask, [rows, nq]);
  const error = (latencies: tf.Tensor, half: 0 | 1) =>
    latencyError(tf.slice(latencies, [half * rows, 0], [rows, nq]), target, mask, constants.inverseSpread);
  return {
    posteriorChained: error(chained, 0),
    posteriorForced: error(forced, 0),
    priorChained: error(chained, 1),
    priorForced: error(forced, 1),
    divergence: divergence(posterior, prior, rows * layout.nodes.length),
    corrections: tf.mul(tf.sum(tf.square(correction)), 1 / edgeWidth) as tf.Scalar,
  };
}

function priorWeights(layout: Layout): tf.Tensor {
  const values = new Float32Array(layout.width.edges);
  layout.edges.forEach(({ weight }, e) => {
    values[e] = weight;
  });
  return tf.tensor2d(values, [layout.width.edges, 1]);
}

/** Network heads [services, rows, 3 · owned] → own times [rows, 3 · nodes] in ms, positive and ordered. */
function selfTimes(heads: tf.Tensor, constants: Constants, weights: Weights, nq: number): tf.Tensor {
  const [stack = 1, rows = 1, width = 1] = heads.shape;
  const flat = tf.reshape(tf.transpose(heads, [1, 0, 2]), [rows, stack * width]);
  const raw = tf.add(tf.matMul(flat, constants.heads), weights.get('node.bias') as tf.Tensor);
  const parts = tf.reshape(tf.mul(tf.softplus(raw), constants.selfScale), [(rows * nq) / 3, 3]);
  return tf.reshape(tf.matMul(parts, constants.cumulative), [rows, nq]);
}

export interface Gaussian {
  readonly mean: tf.Tensor;
  readonly logVariance: tf.Tensor;
}

/** Splits a network's output; the log variance is held in ±4 softly. */
function gaussian(output: tf.Tensor): Gaussian {
  const [mean, raw] = tf.split(output, 2, 2) as [tf.Tensor, tf.Tensor];
  return { mean, logVariance: tf.mul(tf.tanh(tf.mul(raw, 0.25)), 4) };
}

/** Mean over seen entries of the pseudo-Huber √(1+r²) − 1, r the error of log1p(ms) in robust spreads. */
export function latencyError(
  latencies: tf.Tensor,
  target: tf.Tensor,
  mask: tf.Tensor,
  inverseSpread: tf.Tensor,
): tf.Scalar {
  const difference = tf.mul(tf.sub(tf.log(tf.add(latencies, 1)), target), inverseSpread);
  const each = tf.mul(tf.sub(tf.sqrt(tf.add(tf.square(difference), 1)), 1), mask);
  return tf.div(tf.sum(each), tf.add(tf.sum(mask), 1e-9)) as tf.Scalar;
}

/** KL(q‖p) of diagonal normals, summed and divided by `count`: ½ Σ [ln σp²/σq² + (σq² + (μq − μp)²)/σp² − 1]. */
export function divergence(q: Gaussian, p: Gaussian, count: number): tf.Scalar {
  const gap = tf.square(tf.sub(q.mean, p.mean));
  const ratio = tf.mul(tf.add(tf.exp(q.logVariance), gap), tf.exp(tf.neg(p.logVariance)));
  const each = tf.sub(tf.add(tf.sub(p.logVariance, q.logVariance), ratio), 1);
  return tf.mul(tf.sum(each), 0.5 / count) as tf.Scalar;
}
