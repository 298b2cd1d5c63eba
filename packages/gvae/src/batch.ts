import type { Rng } from '@sage/core';
import { edgeQuantile } from './chain.js';
import { LATENT, type Layout } from './layout.js';
import type { Inputs } from './scales.js';

/** Rows of training data as flat arrays, services first where networks are stacked. */
export interface Batch {
  readonly rows: number;
  /** [services, rows, features]. */
  readonly features: Float32Array;
  /** [services, rows, 3 · owned]. */
  readonly own: Float32Array;
  /** [services, 2 · rows, roots]: once for each of the two latents. */
  readonly load: Float32Array;
  /** [rows, 3 · edges]: observed parents, mixed by call rate, ms. */
  readonly edges: Float32Array;
  /** [rows, 3 · nodes]: log1p(ms). */
  readonly target: Float32Array;
  /** [rows, 3 · nodes]: 1 where the node was seen. */
  readonly mask: Float32Array;
  /** [services, rows, latent] standard normal noise for each of the two latents; zeros without `rng`. */
  readonly noise: readonly [Float32Array, Float32Array];
}

export function buildBatch(layout: Layout, inputs: readonly Inputs[], rng: Rng | undefined): Batch {
  const stack = layout.services.length;
  const rows = inputs.length;
  const { features, owned, roots, edges } = layout.width;
  const nq = 3 * layout.nodes.length;
  const latents = stack * rows * LATENT;
  const draw = () => {
    const values = new Float32Array(latents);
    if (rng !== undefined) for (let i = 0; i < latents; i++) values[i] = rng.normal();
    return values;
  };
  const batch: Batch = {
    rows,
    features: new Float32Array(stack * rows * features),
    own: new Float32Array(stack * rows * 3 * owned),
    load: new Float32Array(stack * 2 * rows * roots),
    edges: new Float32Array(rows * 3 * edges),
    target: new Float32Array(rows * nq),
    mask: new Float32Array(rows * nq),
    noise: [draw(), draw()],
  };
  inputs.forEach((input, row) => {
    for (let s = 0; s < stack; s++) {
      const at = s * rows + row;
      batch.features.set(input.features.subarray(s * features, (s + 1) * features), at * features);
      batch.own.set(input.own.subarray(s * 3 * owned, (s + 1) * 3 * owned), at * 3 * owned);
      batch.load.set(input.load, (s * 2 * rows + row) * roots);
      batch.load.set(input.load, (s * 2 * rows + rows + row) * roots);
    }
    layout.edges.forEach((_, e) => {
      for (let q = 0; q < 3; q++) {
        batch.edges[(row * edges + e) * 3 + q] = edgeQuantile(layout, e, q, input.observed);
      }
    });
    for (let i = 0; i < nq; i++) {
      batch.target[row * nq + i] = Math.log1p(Math.max(0, input.observed[i] as number));
      batch.mask[row * nq + i] = input.seen[Math.floor(i / 3)] as number;
    }
  });
  return batch;
}
