import { edgeQuantile } from './chain.js';
import { LATENT, type Layout } from './layout.js';
import { edgeWeights, findParameter, listParameters } from './parameters.js';
import { type LatentNormal, PlainNetworks } from './plain-network.js';
import type { Inputs, Scales } from './scales.js';

/** The structural equations f_v = Σ w Q(parent) + self_v(X, Z, load), as learnt, in ms. */
export class Mechanism {
  readonly weights: Float64Array;
  readonly #layout: Layout;
  readonly #scales: Scales;
  readonly #networks: PlainNetworks;
  readonly #bias: Float32Array;
  readonly #edgesOf: readonly (readonly number[])[];

  constructor(layout: Layout, scales: Scales, parameters: Float32Array) {
    const list = listParameters(layout);
    const bias = findParameter(list, 'node.bias');
    this.#layout = layout;
    this.#scales = scales;
    this.#networks = new PlainNetworks(layout, parameters);
    this.#bias = parameters.subarray(bias.offset, bias.offset + bias.size);
    this.weights = edgeWeights(layout, list, parameters);
    const edgesOf: number[][] = layout.nodes.map(() => []);
    layout.edges.forEach(({ child }, e) => {
      edgesOf[child]?.push(e);
    });
    this.#edgesOf = edgesOf;
  }

  /** Indices of the edges into a node. */
  edgesInto(node: number): readonly number[] {
    return this.#edgesOf[node] ?? [];
  }

  /** q(Z | X, own latencies) of a service. */
  posterior(service: number, inputs: Inputs): LatentNormal {
    const { features, owned } = this.#layout.width;
    const input = new Float64Array(features + 3 * owned);
    input.set(inputs.features.subarray(service * features, (service + 1) * features));
    input.set(inputs.own.subarray(service * 3 * owned, (service + 1) * 3 * owned), features);
    return this.#networks.latent('encoder', service, input);
  }

  /** p(Z | X) of a service; `features` as in `Inputs`. */
  prior(service: number, features: Float64Array): LatentNormal {
    const width = this.#layout.width.features;
    return this.#networks.latent('prior', service, features.slice(service * width, (service + 1) * width));
  }

  /** What a service adds to the own times of its nodes, before the softplus: [owned node][percentile]. */
  heads(service: number, features: Float64Array, load: Float64Array, latent: Float64Array): Float64Array {
    const width = this.#layout.width.features;
    const input = new Float64Array(width + LATENT + load.length);
    input.set(features.subarray(service * width, (service + 1) * width));
    input.set(latent, width);
    input.set(load, width + LATENT);
    return this.#networks.run('decoder', service, input);
  }

  /** Own p50, p95, p99 of a node in ms from its owners' heads; positive and ordered by construction. */
  selfTimes(node: number, headsOf: (service: number) => Float64Array): [number, number, number] {
    const raw = [0, 1, 2].map((q) => this.#bias[3 * node + q] as number);
    for (const owner of this.#layout.owners[node] ?? []) {
      const heads = headsOf(owner);
      const slot = this.#layout.owned[owner]?.indexOf(node) ?? 0;
      for (let q = 0; q < 3; q++) raw[q] = (raw[q] as number) + (heads[3 * slot + q] as number);
    }
    let sum = 0;
    return raw.map((value, q) => {
      sum += (softplus(value) / Math.LN2) * (this.#scales.selfScale[3 * node + q] as number);
      return sum;
    }) as [number, number, number];
  }

  /** What a node's parents hand on to its percentile `q`, ms. */
  handedOn(node: number, q: number, latencies: Float64Array): number {
    let sum = 0;
    for (const e of this.edgesInto(node)) {
      sum += (this.weights[e] as number) * edgeQuantile(this.#layout, e, q, latencies);
    }
    return sum;
  }

  /**
   * All nodes, [node][percentile], ms, with each Z at its mean. `parents`: 'observed' for each node given what its
   * parents were seen to take, 'decoded' for the whole network from its own inputs.
   */
  decode(inputs: Inputs, latents: 'posterior' | 'prior', parents: 'observed' | 'decoded'): Float64Array {
    const heads = this.#layout.services.map((_, s) => {
      const { mean } = latents === 'prior' ? this.prior(s, inputs.features) : this.posterior(s, inputs);
      return this.heads(s, inputs.features, inputs.load, mean);
    });
    const decoded = new Float64Array(3 * this.#layout.nodes.length);
    const source = parents === 'observed' ? inputs.observed : decoded;
    this.#layout.nodes.forEach((_, v) => {
      const self = this.selfTimes(v, (s) => heads[s] as Float64Array);
      for (let q = 0; q < 3; q++) decoded[3 * v + q] = (self[q] as number) + this.handedOn(v, q, source);
    });
    return decoded;
  }
}

function softplus(value: number): number {
  return value > 30 ? value : Math.log1p(Math.exp(value));
}
