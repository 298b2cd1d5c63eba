import type { Rng } from '@sage/core';
import { HIDDEN, type Layout, reachOf, type Unit } from './layout.js';

/** Of the encoder at first. */
const FIRST_LOG_VARIANCE = -3;

/** Log variances of latents are held within ± this, softly. */
export const MOST_LOG_VARIANCE = 8;

/**
 * Hidden layers are told of own latencies and latents up to about this many spreads. All of them go past the layers as
 * well, so that a disturbance larger than any that was learnt from is passed on as it is, and not as a slope that was
 * learnt near what is usual would have it.
 */
export const HIDDEN_REACH = 3;

export const NETWORKS = ['encoder', 'prior', 'decoder'] as const;
export type NetworkName = (typeof NETWORKS)[number];

/** One fully connected layer within a unit's parameters: weights [inputs, outputs] row-major, then biases. */
export interface Layer {
  readonly weight: number;
  readonly bias: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** All that is learnt. */
export interface Parameters {
  /** Per unit the layers of its encoder, prior and decoder one after the other. */
  readonly units: readonly Float32Array[];
  /** Per edge θ; its weight is the graph's times exp(r tanh θ), r as `reachOf` has it. */
  readonly corrections: Float32Array;
}

/**
 * Size of a unit's latent Z: what disturbs an own percentile is a variable of its own, as in any structural equation.
 * With fewer, a node that was calm throughout training would have none left for the day when it isn't.
 */
export function latentsOf({ nodes }: Pick<Unit, 'nodes'>): number {
  return 3 * nodes.length;
}

/** Inputs and outputs of a unit's networks. Encoder: X, own Y. Prior: X. Decoder: X, Z, loads → own Y. */
function networkShape(unit: Unit, network: NetworkName): { inputs: number; outputs: number } {
  const features = unit.features.length;
  const own = latentsOf(unit);
  if (network === 'encoder') return { inputs: features + own, outputs: 2 * own };
  if (network === 'prior') return { inputs: features, outputs: 2 * own };
  return { inputs: features + own + unit.roots.length, outputs: own };
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

export function parameterCount(unit: Unit): number {
  const { bias, outputs } = layersOf(unit).decoder[2] as Layer;
  return bias + outputs;
}

/**
 * He (2015) for the hidden layers; last layers near zero, so that training starts at what goes past them: Z as own
 * latencies say, to within e^(−3/2) of what they vary by.
 */
export function initialParameters(layout: Layout, rng: Rng): Parameters {
  const units = layout.units.map((unit) => {
    const values = new Float32Array(parameterCount(unit));
    // By name, so that a unit starts alike whatever else the graph has.
    const random = rng.fork(`${unit.channel}|${unit.service}`);
    const networks = layersOf(unit);
    for (const layers of Object.values(networks)) {
      layers.forEach(({ weight, inputs, outputs }, depth) => {
        const scale = Math.sqrt(2 / Math.max(1, inputs)) * (depth === 2 ? 0.1 : 1);
        for (let i = 0; i < inputs * outputs; i++) values[weight + i] = scale * random.normal();
      });
    }
    const last = networks.encoder[2] as Layer;
    values.fill(FIRST_LOG_VARIANCE, last.bias + latentsOf(unit), last.bias + 2 * latentsOf(unit));
    return values;
  });
  return { units, corrections: new Float32Array(layout.edges.length) };
}

export function edgeWeights(layout: Layout, corrections: Float32Array): Float64Array {
  return Float64Array.from(
    layout.edges,
    (edge, e) => edge.weight * Math.exp(reachOf(edge) * Math.tanh(corrections[e] as number)),
  );
}
