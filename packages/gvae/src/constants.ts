import * as tf from '@tensorflow/tfjs-core';
import type { Layout } from './layout.js';
import type { Scales } from './scales.js';

/** Tensors that stay the same through training; the caller disposes of them. */
export interface Constants {
  /** [services · 3 · owned, 3 · nodes]: adds the heads of a node's owners. */
  readonly heads: tf.Tensor;
  /** [3 · edges, 3 · nodes]: adds what a node's parents hand on. */
  readonly edges: tf.Tensor;
  /** [3, 3]: running sum, which orders the percentiles. */
  readonly cumulative: tf.Tensor;
  /** [1, 3 · nodes]. */
  readonly selfScale: tf.Tensor;
  readonly inverseSpread: tf.Tensor;
}

export function buildConstants(layout: Layout, scales: Scales): Constants {
  const nq = 3 * layout.nodes.length;
  const { owned, edges } = layout.width;
  const heads = new Float32Array(layout.services.length * 3 * owned * nq);
  layout.owned.forEach((list, s) => {
    list.forEach((v, slot) => {
      for (let q = 0; q < 3; q++) heads[((s * owned + slot) * 3 + q) * nq + 3 * v + q] = 1;
    });
  });
  const sums = new Float32Array(3 * edges * nq);
  layout.edges.forEach(({ child }, e) => {
    for (let q = 0; q < 3; q++) sums[(3 * e + q) * nq + 3 * child + q] = 1;
  });
  return {
    heads: tf.tensor2d(heads, [layout.services.length * 3 * owned, nq]),
    edges: tf.tensor2d(sums, [3 * edges, nq]),
    cumulative: tf.tensor2d(Float32Array.of(1, 1, 1, 0, 1, 1, 0, 0, 1), [3, 3]),
    selfScale: tf.tensor2d(
      Float32Array.from(scales.selfScale, (ms) => ms / Math.LN2),
      [1, nq],
    ),
    inverseSpread: tf.tensor2d(
      Float32Array.from(scales.logSpread, (spread) => 1 / spread),
      [1, nq],
    ),
  };
}

export function disposeConstants(constants: Constants): void {
  tf.dispose(Object.values(constants) as tf.Tensor[]);
}
