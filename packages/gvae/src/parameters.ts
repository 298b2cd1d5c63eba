import type { Rng } from '@sage/core';
import { HIDDEN, LATENT, type Layout } from './layout.js';

export const NETWORKS = ['encoder', 'prior', 'decoder'] as const;
export type NetworkName = (typeof NETWORKS)[number];

/** One tensor within the flat vector of all parameters. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

/** Inputs and outputs of each network of one service. */
export function networkShape(layout: Layout, network: NetworkName): { inputs: number; outputs: number } {
  const { features, owned, roots } = layout.width;
  if (network === 'encoder') return { inputs: features + 3 * owned, outputs: 2 * LATENT };
  if (network === 'prior') return { inputs: features, outputs: 2 * LATENT };
  return { inputs: features + LATENT + roots, outputs: 3 * owned };
}

/** Three layers per network, a bias per node and percentile, a correction per edge. The order is the file format's. */
export function listParameters(layout: Layout): readonly Parameter[] {
  const list: Parameter[] = [];
  let offset = 0;
  const add = (name: string, shape: readonly number[]) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    list.push({ name, shape, offset, size });
    offset += size;
  };
  const stack = layout.services.length;
  for (const network of NETWORKS) {
    const { inputs, outputs } = networkShape(layout, network);
    [inputs, HIDDEN, HIDDEN].forEach((rows, layer) => {
      const columns = layer === 2 ? outputs : HIDDEN;
      add(`${network}.weight${layer}`, [stack, rows, columns]);
      add(`${network}.bias${layer}`, [stack, 1, columns]);
    });
  }
  add('node.bias', [1, 3 * layout.nodes.length]);
  add('edge.correction', [layout.width.edges, 1]);
  return list;
}

export function parameterCount(list: readonly Parameter[]): number {
  return list.reduce((total, { size }) => total + size, 0);
}

export function findParameter(list: readonly Parameter[], name: string): Parameter {
  const found = list.find((parameter) => parameter.name === name);
  if (found === undefined) throw new TypeError(`no parameter is called ${name}`);
  return found;
}

/** He (2015) for the hidden layers; last layers near zero, so that training starts at the medians. */
export function initialParameters(list: readonly Parameter[], rng: Rng): Float32Array {
  const values = new Float32Array(parameterCount(list));
  for (const { name, shape, offset, size } of list) {
    if (!name.includes('.weight')) continue;
    const scale = Math.sqrt(2 / (shape[1] as number)) * (name.endsWith('2') ? 0.1 : 1);
    for (let i = 0; i < size; i++) values[offset + i] = scale * rng.normal();
  }
  return values;
}

/** Largest |log| of a learnt edge weight over the graph's. */
const MAX_CORRECTION = 0.2;

/** weight · exp(0.2 · tanh θ) per edge. */
export function edgeWeights(layout: Layout, list: readonly Parameter[], values: Float32Array): Float64Array {
  const { offset } = findParameter(list, 'edge.correction');
  return Float64Array.from(
    layout.edges,
    ({ weight }, e) => weight * Math.exp(MAX_CORRECTION * Math.tanh(values[offset + e] as number)),
  );
}
