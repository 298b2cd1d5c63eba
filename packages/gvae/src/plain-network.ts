import { LATENT, type Layout } from './layout.js';
import { type Layer, layersOf, type NetworkName } from './parameters.js';

/** A latent's mean and standard deviation, LATENT each. */
export interface LatentNormal {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** What a decoder is given beside the latent: of one unit its features and the loads that reach it, scaled. */
export interface Condition {
  readonly features: ArrayLike<number>;
  readonly load: ArrayLike<number>;
}

/** The trained networks in plain arithmetic: a diagnosis asks for few rows, and tensors would cost more than they do. */
export class PlainNetworks {
  readonly #values: readonly Float32Array[];
  readonly #layers: readonly Readonly<Record<NetworkName, readonly Layer[]>>[];

  constructor(layout: Layout, values: readonly Float32Array[]) {
    this.#values = values;
    this.#layers = layout.units.map(layersOf);
  }

  /**
   * The decoder for several latents under one condition: `latents` [LATENT][column] → [output][column]. What all columns
   * share of the first layer is computed once.
   */
  decode(unit: number, { features, load }: Condition, latents: Float64Array): Float64Array {
    const layers = this.#layers[unit] as Readonly<Record<NetworkName, readonly Layer[]>>;
    const [first, second, last] = layers.decoder as [Layer, Layer, Layer];
    const values = this.#values[unit] as Float32Array;
    const columns = latents.length / LATENT;
    const shared = Float64Array.from(values.subarray(first.bias, first.bias + first.outputs));
    for (let f = 0; f < features.length; f++) addRow(shared, values, first, f, features[f] as number);
    for (let r = 0; r < load.length; r++) {
      addRow(shared, values, first, features.length + LATENT + r, load[r] as number);
    }
    const one = new Float64Array(first.outputs * columns);
    for (let o = 0; o < first.outputs; o++) {
      one.fill(shared[o] as number, o * columns, (o + 1) * columns);
    }
    addProduct(one, latents, { values, from: first.weight + features.length * first.outputs }, columns);
    rectify(one);
    const two = biases(values, second, columns);
    addProduct(two, one, { values, from: second.weight }, columns);
    rectify(two);
    const output = biases(values, last, columns);
    addProduct(output, two, { values, from: last.weight }, columns);
    return output;
  }

  latent(network: 'encoder' | 'prior', unit: number, input: Float64Array): LatentNormal {
    const output = this.#run(network, unit, input);
    return {
      mean: output.slice(0, LATENT),
      deviation: output.slice(LATENT).map((raw) => Math.exp(2 * Math.tanh(raw / 4))),
    };
  }

  /** One row through one unit's network. */
  #run(network: 'encoder' | 'prior', unit: number, input: Float64Array): Float64Array {
    const layers = this.#layers[unit]?.[network] ?? [];
    if (input.length !== layers[0]?.inputs) {
      throw new RangeError(`the ${network} takes ${layers[0]?.inputs} inputs, not ${input.length}`);
    }
    const values = this.#values[unit] as Float32Array;
    let value = input;
    layers.forEach((layer, depth) => {
      const output = biases(values, layer, 1);
      for (let row = 0; row < layer.inputs; row++) addRow(output, values, layer, row, value[row] as number);
      if (depth < 2) rectify(output);
      value = output;
    });
    return value;
  }
}

/** A layer's biases, once for each column: [output][column]. */
function biases(values: Float32Array, { bias, outputs }: Layer, columns: number): Float64Array {
  const output = new Float64Array(outputs * columns);
  for (let o = 0; o < outputs; o++) {
    output.fill(values[bias + o] as number, o * columns, (o + 1) * columns);
  }
  return output;
}

/** target += part · row of a layer's weights. */
function addRow(
  target: Float64Array,
  values: Float32Array,
  { weight, outputs }: Layer,
  row: number,
  part: number,
): void {
  if (part === 0) return;
  const from = weight + row * outputs;
  for (let o = 0; o < outputs; o++) {
    target[o] = (target[o] as number) + part * (values[from + o] as number);
  }
}

/**
 * target += weightsᵀ · input, target [output][column], input [input][column], weights [input][output] from a position on.
 * Four inputs at a time: so each number of the target is read and written a quarter as often.
 */
function addProduct(
  target: Float64Array,
  input: Float64Array,
  { values, from }: { readonly values: Float32Array; readonly from: number },
  columns: number,
): void {
  const inputs = input.length / columns;
  const outputs = target.length / columns;
  const fours = inputs - (inputs % 4);
  for (let o = 0; o < outputs; o++) {
    const to = o * columns;
    for (let i = 0; i < fours; i += 4) {
      const at = from + i * outputs + o;
      const a = values[at] as number;
      const b = values[at + outputs] as number;
      const c = values[at + 2 * outputs] as number;
      const d = values[at + 3 * outputs] as number;
      for (let w = 0, x = i * columns; w < columns; w++, x++) {
        target[to + w] =
          (target[to + w] as number) +
          a * (input[x] as number) +
          b * (input[x + columns] as number) +
          c * (input[x + 2 * columns] as number) +
          d * (input[x + 3 * columns] as number);
      }
    }
    for (let i = fours; i < inputs; i++) {
      const a = values[from + i * outputs + o] as number;
      for (let w = 0, x = i * columns; w < columns; w++, x++) {
        target[to + w] = (target[to + w] as number) + a * (input[x] as number);
      }
    }
  }
}

function rectify(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) if ((values[i] as number) < 0) values[i] = 0;
}
