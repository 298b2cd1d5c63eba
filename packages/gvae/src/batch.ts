import type { Rng } from '@sage/core';
import type { Inputs } from './inputs.js';
import type { Layout, Unit } from './layout.js';
import { indexOf } from './layout-index.js';
import { latentsOf } from './parameters.js';
import { type Scales, unitLatentScale, unitRawSpread } from './scales.js';
import type { Stack } from './stacks.js';

/** What one stack of networks reads of a batch: [units, rows, …] each. */
export interface StackBatch {
  readonly features: Float32Array;
  /** [units, rows, 3 · owned]. */
  readonly own: Float32Array;
  /** [units, 2 · rows, roots]: once for each of the two latents. */
  readonly load: Float32Array;
  /** [units, 1, 3 · owned]: what a latent of 1 adds to the head of its percentile. */
  readonly latentScale: Float32Array;
  /** [units, 1, 3 · owned]: the raw number that a latent of 1 stands for. */
  readonly rawSpread: Float32Array;
  /** [units, 2 · rows, 3 · owned] standard normal noise; zeros without `rng`, and of latents that only pad. */
  readonly noise: Float32Array;
}

export interface Batch {
  readonly inputs: readonly Inputs[];
  readonly stacks: readonly StackBatch[];
}

/** What batches of any rows have in common. */
export interface BatchShape {
  readonly layout: Layout;
  readonly stacks: readonly Stack[];
  /** Per stack. */
  readonly spreads: readonly Pick<StackBatch, 'latentScale' | 'rawSpread'>[];
}

export function shapeBatches(layout: Layout, scales: Scales, stacks: readonly Stack[]): BatchShape {
  const spreads = stacks.map(({ units, owned }) => {
    const latentScale = new Float32Array(units.length * 3 * owned);
    const rawSpread = new Float32Array(units.length * 3 * owned);
    units.forEach((u, position) => {
      const unit = layout.units[u] as Unit;
      latentScale.set(unitLatentScale(layout, scales, unit), position * 3 * owned);
      rawSpread.set(unitRawSpread(scales, unit), position * 3 * owned);
    });
    return { latentScale, rawSpread };
  });
  return { layout, stacks, spreads };
}

export function buildBatch(
  { layout, stacks, spreads }: BatchShape,
  inputs: readonly Inputs[],
  rng: Rng | undefined,
): Batch {
  return {
    inputs,
    stacks: stacks.map((stack, k) => ({
      ...buildStackBatch(layout, stack, inputs, rng),
      ...(spreads[k] as BatchShape['spreads'][number]),
    })),
  };
}

function buildStackBatch(
  layout: Layout,
  { units, features, owned, roots }: Stack,
  inputs: readonly Inputs[],
  rng: Rng | undefined,
): Omit<StackBatch, 'latentScale' | 'rawSpread'> {
  const index = indexOf(layout);
  const rows = inputs.length;
  const batch = {
    features: new Float32Array(units.length * rows * features),
    own: new Float32Array(units.length * rows * 3 * owned),
    load: new Float32Array(units.length * 2 * rows * roots),
    noise: new Float32Array(units.length * 2 * rows * 3 * owned),
  };
  units.forEach((u, position) => {
    const unit = layout.units[u] as Unit;
    const reached = unit.roots;
    const latents = latentsOf(unit);
    if (rng !== undefined) {
      for (let row = 0; row < 2 * rows; row++) {
        const at = (position * 2 * rows + row) * 3 * owned;
        for (let d = 0; d < latents; d++) batch.noise[at + d] = rng.normal();
      }
    }
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
