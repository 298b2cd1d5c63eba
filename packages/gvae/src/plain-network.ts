import { HIDDEN, LATENT, type Layout } from './layout.js';
import {
  findParameter,
  listParameters,
  NETWORKS,
  type NetworkName,
  networkShape,
  type Parameter,
} from './parameters.js';

/** A latent's mean and standard deviation, LATENT each. */
export interface LatentNormal {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

interface Layer {
  readonly weight: number;
  readonly bias: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** The trained networks in plain arithmetic: a diagnosis asks for few rows, and tensors would cost more than they do. */
export class PlainNetworks {
  readonly #values: Float32Array;
  readonly #layers: Readonly<Record<NetworkName, readonly Layer[]>>;
  readonly #inputs: Readonly<Record<NetworkName, number>>;

  constructor(layout: Layout, values: Float32Array) {
    const list = listParameters(layout);
    const layers = (network: NetworkName) => [0, 1, 2].map((layer) => describeLayer(list, network, layer));
    this.#values = values;
    this.#layers = { encoder: layers('encoder'), prior: layers('prior'), decoder: layers('decoder') };
    this.#inputs = Object.fromEntries(
      NETWORKS.map((name) => [name, networkShape(layout, name).inputs]),
    ) as Record<NetworkName, number>;
  }

  /** One row through one service's network. */
  run(network: NetworkName, service: number, input: Float64Array): Float64Array {
    if (input.length !== this.#inputs[network]) {
      throw new RangeError(`the ${network} takes ${this.#inputs[network]} inputs, not ${input.length}`);
    }
    let value = input;
    this.#layers[network].forEach((layer, depth) => {
      value = this.#apply(layer, service, value, depth < 2);
    });
    return value;
  }

  latent(network: 'encoder' | 'prior', service: number, input: Float64Array): LatentNormal {
    const output = this.run(network, service, input);
    return {
      mean: output.slice(0, LATENT),
      deviation: output.slice(LATENT).map((raw) => Math.exp(2 * Math.tanh(raw / 4))),
    };
  }

  #apply(
    { weight, bias, inputs, outputs }: Layer,
    service: number,
    input: Float64Array,
    rectify: boolean,
  ): Float64Array {
    const values = this.#values;
    const output = new Float64Array(outputs);
    const first = bias + service * outputs;
    for (let column = 0; column < outputs; column++) output[column] = values[first + column] as number;
    let at = weight + service * inputs * outputs;
    for (let row = 0; row < inputs; row++) {
      const part = input[row] as number;
      if (part === 0) at += outputs;
      else {
        for (let column = 0; column < outputs; column++) {
          output[column] = (output[column] as number) + part * (values[at++] as number);
        }
      }
    }
    if (rectify) for (let i = 0; i < outputs; i++) if ((output[i] as number) < 0) output[i] = 0;
    return output;
  }
}

function describeLayer(list: readonly Parameter[], network: NetworkName, layer: number): Layer {
  const weight = findParameter(list, `${network}.weight${layer}`);
  return {
    weight: weight.offset,
    bias: findParameter(list, `${network}.bias${layer}`).offset,
    inputs: weight.shape[1] ?? HIDDEN,
    outputs: weight.shape[2] ?? HIDDEN,
  };
}
