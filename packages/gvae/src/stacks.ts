import * as tf from '@tensorflow/tfjs-core';
import { HIDDEN, type Layout, type Unit } from './layout.js';
import { latentsOf, layersOf, NETWORKS, type NetworkName, type Parameters } from './parameters.js';

/**
 * Units whose networks are padded to one shape, so that one batched product a layer computes all of them. Padding is of
 * zeros and stays so: no gradient reaches it.
 */
export interface Stack {
  readonly units: readonly number[];
  readonly features: number;
  readonly roots: number;
  readonly owned: number;
}

/** One tensor within the flat vector of all stacks. */
export interface StackTensor {
  readonly shape: readonly [number, number, number];
  readonly offset: number;
  readonly size: number;
}

/** Groups units that own about as many nodes: within a factor of two, padding at most doubles the work. */
export function stackUnits(layout: Layout, units: readonly number[]): readonly Stack[] {
  const groups = new Map<number, number[]>();
  for (const u of units) {
    const size = Math.ceil(Math.log2(Math.max(1, layout.units[u]?.nodes.length ?? 0)));
    groups.set(size, [...(groups.get(size) ?? []), u]);
  }
  const largest = (list: readonly number[], sizeOf: (unit: Unit) => number) =>
    Math.max(1, ...list.map((u) => sizeOf(layout.units[u] as Unit)));
  return [...groups.keys()]
    .sort((a, b) => a - b)
    .map((size) => {
      const list = groups.get(size) as number[];
      return {
        units: list,
        features: largest(list, ({ features }) => features.length),
        roots: largest(list, ({ roots }) => roots.length),
        owned: largest(list, ({ nodes }) => nodes.length),
      };
    });
}

/** Weights and biases of three layers of three networks per stack: 18 tensors, [units, inputs or 1, outputs] each. */
export function listTensors(stacks: readonly Stack[]): readonly StackTensor[] {
  const list: StackTensor[] = [];
  let offset = 0;
  const add = (...shape: [number, number, number]) => {
    const size = shape[0] * shape[1] * shape[2];
    list.push({ shape, offset, size });
    offset += size;
  };
  for (const stack of stacks) {
    for (const network of NETWORKS) {
      const { inputs, outputs } = paddedShape(stack, network);
      [inputs, HIDDEN, HIDDEN].forEach((rows, depth) => {
        const columns = depth === 2 ? outputs : HIDDEN;
        add(stack.units.length, rows, columns);
        add(stack.units.length, 1, columns);
      });
    }
  }
  return list;
}

const TENSORS_PER_STACK = 18;

function paddedShape({ features, roots, owned }: Stack, network: NetworkName) {
  const latents = 3 * owned;
  if (network === 'encoder') return { inputs: features + latents, outputs: 2 * latents };
  if (network === 'prior') return { inputs: features, outputs: 2 * latents };
  return { inputs: features + latents + roots, outputs: latents };
}

/** The units' parameters as one flat vector of padded stacks. */
export function pack(layout: Layout, stacks: readonly Stack[], parameters: Parameters): Float32Array {
  const tensors = listTensors(stacks);
  const flat = new Float32Array(tensors.reduce((sum, { size }) => sum + size, 0));
  eachValue(layout, stacks, (unit, from, to) => {
    flat[to] = parameters.units[unit]?.[from] as number;
  });
  return flat;
}

/** The way back; units that are in no stack keep what they have. */
export function unpack(
  layout: Layout,
  stacks: readonly Stack[],
  flat: Float32Array,
  parameters: Parameters,
): Parameters {
  const stacked = new Set(stacks.flatMap(({ units }) => units));
  const units = parameters.units.map((values, u) => (stacked.has(u) ? Float32Array.from(values) : values));
  eachValue(layout, stacks, (unit, from, to) => {
    (units[unit] as Float32Array)[from] = flat[to] as number;
  });
  return { units, corrections: parameters.corrections };
}

/** Where each parameter of each stacked unit stands: in the unit's own array and in the flat vector. */
function eachValue(
  layout: Layout,
  stacks: readonly Stack[],
  visit: (unit: number, from: number, to: number) => void,
): void {
  const tensors = listTensors(stacks);
  stacks.forEach((stack, k) => {
    stack.units.forEach((u, position) => {
      const unit = layout.units[u] as Unit;
      const layers = layersOf(unit);
      const latents = latentsOf(unit);
      // Last layers give a mean, or a percentile, of each latent, then, if at all, the variances.
      const columnOf = (column: number, depth: number) =>
        depth < 2 || column < latents ? column : 3 * stack.owned + column - latents;
      NETWORKS.forEach((network, n) => {
        layers[network].forEach(({ weight, bias, inputs, outputs }, depth) => {
          const first = TENSORS_PER_STACK * k + 6 * n + 2 * depth;
          const weights = tensors[first] as StackTensor;
          const biases = tensors[first + 1] as StackTensor;
          const [, rows, columns] = weights.shape;
          for (let row = 0; row < inputs; row++) {
            const padded = depth === 0 ? paddedRow(unit, stack, row) : row;
            const at = weights.offset + (position * rows + padded) * columns;
            for (let column = 0; column < outputs; column++) {
              visit(u, weight + row * outputs + column, at + columnOf(column, depth));
            }
          }
          for (let column = 0; column < outputs; column++) {
            visit(u, bias + column, biases.offset + position * columns + columnOf(column, depth));
          }
        });
      });
    });
  });
}

/** Which padded input of a network a unit's input is: features first, then own latencies or latents, then loads. */
function paddedRow(unit: Unit, stack: Stack, row: number): number {
  const features = unit.features.length;
  const latents = latentsOf(unit);
  if (row < features) return row;
  if (row < features + latents) return stack.features + row - features;
  return stack.features + 3 * stack.owned + row - features - latents;
}

/** One tensor per entry of the list, to be disposed of by the caller's tidy. */
export function toTensors(list: readonly StackTensor[], flat: Float32Array): tf.Tensor[] {
  return list.map(({ shape, offset, size }) => tf.tensor3d(flat.slice(offset, offset + size), [...shape]));
}

/** [units, rows, inputs] → [units, rows, outputs]: one network of every unit of the `k`th stack. */
export function stackedNetwork(
  k: number,
  network: NetworkName,
  input: tf.Tensor,
  tensors: readonly tf.Tensor[],
): tf.Tensor {
  const first = TENSORS_PER_STACK * k + 6 * NETWORKS.indexOf(network);
  let value = input;
  for (let depth = 0; depth < 3; depth++) {
    const [weight, bias] = tensors.slice(first + 2 * depth, first + 2 * depth + 2) as [tf.Tensor, tf.Tensor];
    value = tf.add(tf.matMul(value, weight), bias);
    if (depth < 2) value = tf.relu(value);
  }
  return value;
}
