import type { Rng } from '@sage/core';
import type { Inputs } from './inputs.js';
import { LATENT, type Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Stack } from './stacks.js';

/** What one stack of networks reads of a batch: [units, rows, …] each. */
export interface StackBatch {
  readonly features: Float32Array;
  /** [units, rows, 3 · owned]. */
  readonly own: Float32Array;
  /** [units, 2 · rows, roots]: once for each of the two latents. */
  readonly load: Float32Array;
  /** [units, 2 · rows, latent] standard normal noise; zeros without `rng`. */
  readonly noise: Float32Array;
}

export interface Batch {
  readonly inputs: readonly Inputs[];
  readonly stacks: readonly StackBatch[];
}

export function buildBatch(
  layout: Layout,
  stacks: readonly Stack[],
  inputs: readonly Inputs[],
  rng: Rng | undefined,
): Batch {
  return { inputs, stacks: stacks.map((stack) => buildStackBatch(layout, stack, inputs, rng)) };
}

function buildStackBatch(
  layout: Layout,
  { units, features, owned, roots }: Stack,
  inputs: readonly Inputs[],
  rng: Rng | undefined,
): StackBatch {
  const index = indexOf(layout);
  const rows = inputs.length;
  const batch = {
    features: new Float32Array(units.length * rows * features),
    own: new Float32Array(units.length * rows * 3 * owned),
    load: new Float32Array(units.length * 2 * rows * roots),
    noise: new Float32Array(units.length * 2 * rows * LATENT),
  };
  if (rng !== undefined) for (let i = 0; i < batch.noise.length; i++) batch.noise[i] = rng.normal();
  units.forEach((u, position) => {
    const reached = layout.units[u]?.roots ?? [];
    inputs.forEach((input, row) => {
      const at = position * rows + row;
      batch.features.set(input.features.subarray(index.features[u], index.features[u + 1]), at * features);
      batch.own.set(input.own.subarray(index.own[u], index.own[u + 1]), at * 3 * owned);
      reached.forEach((root, i) => {
        const load = input.load[root] as number;
        batch.load[(position * 2 * rows + row) * roots + i] = load;
        batch.load[(position * 2 * rows + rows + row) * roots + i] = load;
      });
    });
  });
  return batch;
}
