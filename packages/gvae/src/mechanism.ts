import { HandedOn } from './handed-on.js';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import { positive } from './own-time.js';
import { edgeWeights, type Parameters } from './parameters.js';
import { type LatentNormal, PlainNetworks } from './plain-network.js';
import type { Scales } from './scales.js';

type Readings = Pick<Inputs, 'features' | 'load'>;

/** The structural equations f_v = handed on by its parents + self_v(X, Z, load), as learnt, in ms. */
export class Mechanism {
  /** Per edge. */
  readonly weights: Float64Array;
  readonly #layout: Layout;
  readonly #scales: Scales;
  readonly #networks: PlainNetworks;
  readonly handing: HandedOn;
  /** Per node its owners, its position among what each owns, and how many heads each has. */
  readonly #slots: readonly (readonly {
    readonly unit: number;
    readonly slot: number;
    readonly width: number;
  }[])[];

  constructor(layout: Layout, scales: Scales, parameters: Parameters) {
    this.#layout = layout;
    this.#scales = scales;
    this.#networks = new PlainNetworks(layout, parameters.units);
    this.handing = new HandedOn(layout);
    this.weights = edgeWeights(layout, parameters.corrections);
    const slots: { unit: number; slot: number; width: number }[][] = layout.nodes.map(() => []);
    layout.units.forEach(({ nodes }, unit) => {
      nodes.forEach((v, slot) => {
        slots[v]?.push({ unit, slot, width: 3 * nodes.length });
      });
    });
    this.#slots = slots;
  }

  /** q(Z | X, own latencies) of a unit. */
  posterior(unit: number, inputs: Inputs): LatentNormal {
    const { features, own } = indexOf(this.#layout);
    const known = inputs.features.subarray(features[unit], features[unit + 1]);
    const seen = inputs.own.subarray(own[unit], own[unit + 1]);
    const input = new Float64Array(known.length + seen.length);
    input.set(known);
    input.set(seen, known.length);
    return this.#networks.posterior(unit, input);
  }

  /** p(Z | X) of a unit. */
  prior(unit: number, { features }: Readings): LatentNormal {
    const { features: at } = indexOf(this.#layout);
    return this.#networks.prior(unit, Float64Array.from(features.subarray(at[unit], at[unit + 1])));
  }

  /** What a unit adds to its nodes' own times, as raw numbers: latents [sample][LATENT] → [sample][owned node][percentile]. */
  heads(unit: number, { features, load }: Readings, latents: Float64Array): Float64Array {
    const { features: at } = indexOf(this.#layout);
    const { roots = [] } = this.#layout.units[unit] ?? {};
    return this.#networks.decode(
      unit,
      {
        features: features.subarray(at[unit], at[unit + 1]),
        load: roots.map((root) => load[root] as number),
      },
      latents,
    );
  }

  /** Own p50, p95, p99 of a node in ms from its owners' heads; positive and ordered by construction. */
  selfTimes(node: number, headsOf: (unit: number) => Float64Array, sample = 0): [number, number, number] {
    const times: [number, number, number] = [0, 0, 0];
    for (const { unit, slot, width } of this.#slots[node] ?? []) {
      const heads = headsOf(unit);
      const at = sample * width + 3 * slot;
      for (let q = 0; q < 3; q++) times[q] = (times[q] as number) + (heads[at + q] as number);
    }
    let sum = 0;
    for (let q = 0; q < 3; q++) {
      sum += positive(times[q] as number) * (this.#scales.selfScale[3 * node + q] as number);
      times[q] = sum;
    }
    return times;
  }

  /** What a node's parents hand on to its percentile `q`, ms. `latencies`: [node][percentile]. */
  handedOn(node: number, q: number, latencies: Float64Array): number {
    return this.handing.value(node, q, { latencies, weights: this.weights });
  }

  /**
   * All nodes, [node][percentile], ms, with each Z at its mean. `parents`: 'observed' for each node given what its
   * parents were seen to take, 'decoded' for the whole network from its own inputs.
   */
  decode(inputs: Inputs, latents: 'posterior' | 'prior', parents: 'observed' | 'decoded'): Float64Array {
    const heads = this.#layout.units.map((_, u) => {
      const { mean } = latents === 'prior' ? this.prior(u, inputs) : this.posterior(u, inputs);
      return this.heads(u, inputs, mean);
    });
    const decoded = new Float64Array(3 * this.#layout.nodes.length);
    const source = parents === 'observed' ? inputs.observed : decoded;
    this.#layout.nodes.forEach((_, v) => {
      const self = this.selfTimes(v, (u) => heads[u] as Float64Array);
      for (let q = 0; q < 3; q++) decoded[3 * v + q] = (self[q] as number) + this.handedOn(v, q, source);
    });
    return decoded;
  }
}
