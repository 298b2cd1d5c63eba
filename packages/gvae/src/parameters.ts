import type { Rng } from '@sage/core';
import { HIDDEN, LATENT, type Layout, MAX_CORRECTION, type Unit } from './layout.js';

export const NETWORKS = ['encoder', 'prior', 'decoder'] as const;
export type NetworkName = (typeof NETWORKS)[number];

/** One fully connected layer within a unit's parameters: weights [inputs, outputs] row-major, then biases. */
export interface Layer {
  readonly weight: number;
  readonly bias: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** A linear map beside a network: weights [inputs, outputs] row-major. */
export type Shortcut = Omit<Layer, 'bias'>;

/** All that is learnt. */
export interface Parameters {
  /** Per unit the layers of its encoder, prior and decoder one after the other, then the shortcuts. */
  readonly units: readonly Float32Array[];
  /** Per edge θ; its weight is the graph's times exp(0.2 tanh θ). */
  readonly corrections: Float32Array;
}

/** Inputs and outputs of a unit's networks. Encoder: X, own Y. Prior: X. Decoder: X, Z, loads → own Y. */
function networkShape(unit: Unit, network: NetworkName): { inputs: number; outputs: number } {
  const features = unit.features.length;
  const own = 3 * unit.nodes.length;
  if (network === 'encoder') return { inputs: features + own, outputs: 2 * LATENT };
  if (network === 'prior') return { inputs: features, outputs: 2 * LATENT };
  return { inputs: features + LATENT + unit.roots.length, outputs: own };
}

/** The order is the file format's. */
export function layersOf(unit: Unit): Readonly<Record<NetworkName, readonly Layer[]>> {
  let offset = 0;
  const layers = (network: NetworkName) => {
    const shape = networkShape(unit, network);
    return [shape.inputs, HIDDEN, HIDDEN].map((inputs, depth): Layer => {
      const outputs = depth === 2 ? shape.outputs : HIDDEN;
      const weight = offset;
      offset += inputs * outputs + outputs;
      return { weight, bias: offset - outputs, inputs, outputs };
    });
  };
  return { encoder: layers('encoder'), prior: layers('prior'), decoder: layers('decoder') };
}

/**
 * Shortcuts around the hidden layers: from own latencies to the mean of Z, and from Z to the heads. Networks alone would
 * know of no disturbance larger than those that they have seen.
 */
export function shortcutsOf(unit: Unit): { readonly encoder: Shortcut; readonly decoder: Shortcut } {
  const last = layersOf(unit).decoder[2] as Layer;
  const own = 3 * unit.nodes.length;
  const weight = last.bias + last.outputs;
  return {
    encoder: { weight, inputs: own, outputs: LATENT },
    decoder: { weight: weight + own * LATENT, inputs: LATENT, outputs: own },
  };
}

export function parameterCount(unit: Unit): number {
  const { weight, inputs, outputs } = shortcutsOf(unit).decoder;
  return weight + inputs * outputs;
}

/** He (2015) for the hidden layers; last layers near zero, so that training starts at the medians. */
export function initialParameters(layout: Layout, rng: Rng): Parameters {
  const units = layout.units.map((unit) => {
    const values = new Float32Array(parameterCount(unit));
    // By name, so that a unit starts alike whatever else the graph has.
    const random = rng.fork(`${unit.channel}|${unit.service}`);
    for (const layers of Object.values(layersOf(unit))) {
      layers.forEach(({ weight, inputs, outputs }, depth) => {
        const scale = Math.sqrt(2 / Math.max(1, inputs)) * (depth === 2 ? 0.1 : 1);
        for (let i = 0; i < inputs * outputs; i++) values[weight + i] = scale * random.normal();
      });
    }
    return values;
  });
  return { units, corrections: new Float32Array(layout.edges.length) };
}

export function edgeWeights(layout: Layout, corrections: Float32Array): Float64Array {
  return Float64Array.from(
    layout.edges,
    ({ weight }, e) => weight * Math.exp(MAX_CORRECTION * Math.tanh(corrections[e] as number)),
  );
}
