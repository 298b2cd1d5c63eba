import { LATENT, type Layout } from './layout.js';
import { type Layer, layersOf, type NetworkName } from './parameters.js';

/** A latent's mean and standard deviation, LATENT each. */
export interface LatentNormal {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** The trained networks in plain arithmetic: a diagnosis asks for few rows, and tensors would cost more than they do. */
export class PlainNetworks {
  readonly #values: readonly Float32Array[];
  readonly #layers: readonly Readonly<Record<NetworkName, readonly Layer[]>>[];

  constructor(layout: Layout, values: readonly Float32Array[]) {
    this.#values = values;
    this.#layers = layout.units.map(layersOf);
  }

  /** One row through one unit's network. */
  run(network: NetworkName, unit: number, input: Float64Array): Float64Array {
    const layers = this.#layers[unit]?.[network] ?? [];
    if (input.length !== layers[0]?.inputs) {
      throw new RangeError(`the ${network} takes ${layers[0]?.inputs} inputs, not ${input.length}`);
    }
    const values = this.#values[unit] as Float32Array;
    let value = input;
    layers.forEach((layer, depth) => {
      value = apply(values, layer, value, depth < 2);
    });
    return value;
  }

  latent(network: 'encoder' | 'prior', unit: number, input: Float64Array): LatentNormal {
    const output = this.run(network, unit, input);
    return {
      mean: output.slice(0, LATENT),
      deviation: output.slice(LATENT).map((raw) => Math.exp(2 * Math.tanh(raw / 4))),
    };
  }
}

function apply(
  values: Float32Array,
  { weight, bias, inputs, outputs }: Layer,
  input: Float64Array,
  rectify: boolean,
): Float64Array {
  const output = new Float64Array(outputs);
  for (let column = 0; column < outputs; column++) output[column] = values[bias + column] as number;
  let at = weight;
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
