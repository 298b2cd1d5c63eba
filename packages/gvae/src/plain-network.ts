import { HIDDEN, LATENT, type Layout } from './layout.js';
import { type Layer, layersOf, type NetworkName, shortcutsOf } from './parameters.js';

/** A latent's mean and standard deviation, LATENT each. */
export interface LatentNormal {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** The trained networks in plain arithmetic: a diagnosis asks for few rows, and tensors would cost more than they do. */
export class PlainNetworks {
  readonly #values: readonly Float32Array[];
  readonly #layers: readonly Readonly<Record<NetworkName, readonly Layer[]>>[];
  readonly #shortcuts: readonly ReturnType<typeof shortcutsOf>[];

  constructor(layout: Layout, values: readonly Float32Array[]) {
    this.#values = values;
    this.#layers = layout.units.map(layersOf);
    this.#shortcuts = layout.units.map(shortcutsOf);
  }

  /** One row through one unit's network. */
  run(network: 'encoder' | 'prior', unit: number, input: Float64Array): Float64Array {
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

  /**
   * The decoder for several latents under one condition: `latents` [sample][LATENT] → [sample][output]. What all samples
   * share of the first layer is computed once.
   */
  decode(
    unit: number,
    condition: { readonly features: ArrayLike<number>; readonly load: ArrayLike<number> },
    latents: Float64Array,
  ): Float64Array {
    const layers = this.#layers[unit] as Readonly<Record<NetworkName, readonly Layer[]>>;
    const [first, second, last] = layers.decoder as [Layer, Layer, Layer];
    const values = this.#values[unit] as Float32Array;
    const { decoder: shortcut } = this.#shortcuts[unit] as ReturnType<typeof shortcutsOf>;
    const samples = latents.length / LATENT;
    const { features, load } = condition;
    const shared = values.slice(first.bias, first.bias + HIDDEN);
    for (let f = 0; f < features.length; f++) addRow(shared, values, first, f, features[f] as number);
    for (let r = 0; r < load.length; r++) {
      addRow(shared, values, first, features.length + LATENT + r, load[r] as number);
    }
    const one = new Float32Array(HIDDEN);
    const two = new Float32Array(HIDDEN);
    const output = new Float64Array(samples * last.outputs);
    for (let sample = 0; sample < samples; sample++) {
      one.set(shared);
      for (let d = 0; d < LATENT; d++) {
        addRow(one, values, first, features.length + d, latents[sample * LATENT + d] as number);
      }
      for (let i = 0; i < HIDDEN; i++) two[i] = values[second.bias + i] as number;
      for (let i = 0; i < HIDDEN; i++)
        if ((one[i] as number) > 0) addRow(two, values, second, i, one[i] as number);
      const at = sample * last.outputs;
      for (let o = 0; o < last.outputs; o++) output[at + o] = values[last.bias + o] as number;
      for (let d = 0; d < LATENT; d++) {
        const part = latents[sample * LATENT + d] as number;
        const row = shortcut.weight + d * last.outputs;
        for (let o = 0; o < last.outputs; o++) {
          output[at + o] = (output[at + o] as number) + part * (values[row + o] as number);
        }
      }
      for (let i = 0; i < HIDDEN; i++) {
        const part = two[i] as number;
        if (part <= 0) continue;
        const row = last.weight + i * last.outputs;
        for (let o = 0; o < last.outputs; o++) {
          output[at + o] = (output[at + o] as number) + part * (values[row + o] as number);
        }
      }
    }
    return output;
  }

  /** p(Z | X): `features` are X. */
  prior(unit: number, features: Float64Array): LatentNormal {
    return latentOf(this.run('prior', unit, features));
  }

  /** q(Z | X, own latencies): `input` is X, then those. */
  posterior(unit: number, input: Float64Array): LatentNormal {
    const normal = latentOf(this.run('encoder', unit, input));
    const { encoder } = this.#shortcuts[unit] as ReturnType<typeof shortcutsOf>;
    const values = this.#values[unit] as Float32Array;
    const first = input.length - encoder.inputs;
    for (let row = 0; row < encoder.inputs; row++) {
      for (let d = 0; d < LATENT; d++) {
        const weight = values[encoder.weight + row * LATENT + d] as number;
        normal.mean[d] = (normal.mean[d] as number) + (input[first + row] as number) * weight;
      }
    }
    return normal;
  }
}

function latentOf(output: Float64Array): LatentNormal {
  return {
    mean: output.slice(0, LATENT),
    deviation: output.slice(LATENT).map((raw) => Math.exp(2 * Math.tanh(raw / 4))),
  };
}

/** target += part · row of a layer's weights. */
function addRow(
  target: Float32Array,
  values: Float32Array,
  { weight, outputs }: Layer,
  row: number,
  part: number,
): void {
  const from = weight + row * outputs;
  for (let o = 0; o < outputs; o++) {
    target[o] = (target[o] as number) + part * (values[from + o] as number);
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
