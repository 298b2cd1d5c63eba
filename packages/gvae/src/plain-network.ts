import type { Layout } from './layout.js';
import { heard } from './own-time.js';
import { HIDDEN_REACH, type Layer, layersOf, MOST_LOG_VARIANCE, type NetworkName } from './parameters.js';
import { type Scales, unitLatentScale, unitRawSpread } from './scales.js';
import { Scratch } from './scratch.js';
import { addProduct } from './weighted-sums.js';

/** Means and standard deviations of a unit's latents. */
export interface LatentNormal {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** What a decoder is given beside the latent: of one unit its features and the loads that reach it, scaled. */
export interface Condition {
  readonly features: ArrayLike<number>;
  readonly load: ArrayLike<number>;
}

/** All but the last layer of a decoder. */
export interface Hidden {
  /** [hidden][column]. */
  readonly layer: Float64Array;
  /** What goes past the hidden layers, [latent][column]. */
  readonly latents: Float64Array;
}

/** Latents [latent][column], and what the first layer of a decoder makes of them, whatever the condition: [output][column]. */
export interface ReadLatents {
  readonly latents: Float64Array;
  readonly read: Float64Array;
}

/** The trained networks in plain arithmetic: a diagnosis asks for few rows, and tensors would cost more than they do. */
export class PlainNetworks {
  readonly #values: readonly Float32Array[];
  readonly #layers: readonly Readonly<Record<NetworkName, readonly Layer[]>>[];
  /** Per unit what a latent of 1 adds to its head. */
  readonly #latentScales: readonly Float32Array[];
  /** …and the raw number that it stands for. */
  readonly #rawSpreads: readonly Float32Array[];
  /** How many each unit reads. */
  readonly #features: readonly number[];
  /** Of a decoder: what it is told of latents, what columns share of its first layer, that layer, what its last one says. */
  readonly #told = new Scratch();
  readonly #shared = new Scratch();
  readonly #one = new Scratch();
  readonly #said = new Scratch();

  constructor(layout: Layout, scales: Scales, values: readonly Float32Array[]) {
    this.#values = values;
    this.#layers = layout.units.map(layersOf);
    this.#latentScales = layout.units.map((unit) => unitLatentScale(layout, scales, unit));
    this.#rawSpreads = layout.units.map((unit) => unitRawSpread(scales, unit));
    this.#features = layout.units.map(({ features }) => features.length);
  }

  /** Latents to be decoded under one condition or several. */
  readLatents(unit: number, latents: Float64Array): ReadLatents {
    const [first] = this.#decoder(unit);
    const values = this.#values[unit] as Float32Array;
    const columns = latents.length / this.#latents(unit);
    const read = new Float64Array(first.outputs * columns);
    const from = first.weight + (this.#features[unit] as number) * first.outputs;
    const told = this.#told.of(latents.length);
    hold(latents, told);
    addProduct(read, told, { values, from, width: first.outputs }, columns);
    return { latents, read };
  }

  /** For several latents under one condition: what all columns share of the first layer is computed once. */
  hidden(unit: number, { features, load }: Condition, { latents, read }: ReadLatents): Hidden {
    const [first, second] = this.#decoder(unit);
    const values = this.#values[unit] as Float32Array;
    const count = this.#latents(unit);
    const columns = latents.length / count;
    const shared = this.#shared.of(first.outputs);
    for (let o = 0; o < first.outputs; o++) shared[o] = values[first.bias + o] as number;
    for (let f = 0; f < features.length; f++) addRow(shared, values, first, f, features[f] as number);
    for (let r = 0; r < load.length; r++) {
      addRow(shared, values, first, features.length + count + r, load[r] as number);
    }
    const one = this.#one.of(read.length);
    for (let o = 0, at = 0; o < first.outputs; o++) {
      const own = shared[o] as number;
      for (const end = at + columns; at < end; at++) one[at] = Math.max(0, own + (read[at] as number));
    }
    return { layer: hiddenLayer(values, second, one, columns), latents };
  }

  /** The same for a condition and a latent of its own in each column: `input` [feature, latent, load][column]. */
  hiddenOfColumns(unit: number, input: Float64Array, columns: number): Hidden {
    const [first, second] = this.#decoder(unit);
    const values = this.#values[unit] as Float32Array;
    const from = (this.#features[unit] as number) * columns;
    const latents = input.subarray(from, from + this.#latents(unit) * columns);
    const told = input.slice();
    hold(latents, told.subarray(from));
    const one = hiddenLayer(values, first, told, columns);
    return { layer: hiddenLayer(values, second, one, columns), latents };
  }

  /** Adds to `target`, [output][column], the outputs of a decoder from one on. */
  addOutputs(unit: number, first: number, { layer, latents }: Hidden, target: Float64Array): void {
    const [, , last] = this.#decoder(unit);
    const values = this.#values[unit] as Float32Array;
    const scales = this.#latentScales[unit] as Float32Array;
    const spreads = this.#rawSpreads[unit] as Float32Array;
    const columns = layer.length / last.inputs;
    const said = this.#said.of(target.length);
    for (let output = first, o = 0; o < target.length / columns; output++, o++) {
      fillColumns(said, o, columns, values[last.bias + output] as number);
    }
    addProduct(said, layer, { values, from: last.weight + first, width: last.outputs }, columns);
    for (let i = 0, at = first * columns, output = first; i < target.length; output++) {
      const scale = scales[output] as number;
      const spread = spreads[output] as number;
      for (const end = i + columns; i < end; i++, at++) {
        const latent = latents[at] as number;
        target[i] = (target[i] as number) + heard(spread * latent) * (said[i] as number) + scale * latent;
      }
    }
  }

  /** q(Z | X, own latencies) of one row. */
  posterior(unit: number, input: Float64Array): LatentNormal {
    const output = this.#run('encoder', unit, input, 1);
    return {
      mean: output.slice(0, this.#latents(unit)),
      deviation: output.slice(this.#latents(unit)).map((raw) => Math.exp(softly(raw, MOST_LOG_VARIANCE) / 2)),
    };
  }

  /** Means of q(Z | X, own latencies) or p(Z | X) for an `input` [input][column]: [latent][column]. */
  latentMeans(
    network: 'encoder' | 'prior',
    unit: number,
    input: Float64Array,
    columns: number,
  ): Float64Array {
    return this.#run(network, unit, input, columns).subarray(0, this.#latents(unit) * columns);
  }

  #run(network: 'encoder' | 'prior', unit: number, input: Float64Array, columns: number): Float64Array {
    const layers = this.#layers[unit]?.[network] ?? [];
    const inputs = input.length / columns;
    if (inputs !== layers[0]?.inputs) {
      throw new RangeError(`the ${network} takes ${layers[0]?.inputs} inputs, not ${inputs}`);
    }
    const own = input.subarray((this.#features[unit] as number) * columns);
    let value = input;
    if (network === 'encoder') {
      value = input.slice();
      hold(own, value.subarray(input.length - own.length));
    }
    layers.forEach((layer, depth) => {
      value = layerOf(this.#values[unit] as Float32Array, layer, value, columns);
      if (depth < 2) rectify(value);
    });
    if (network === 'encoder') {
      const spreads = this.#rawSpreads[unit] as Float32Array;
      for (let i = 0; i < own.length; i++) {
        const spread = spreads[Math.floor(i / columns)] as number;
        const ownLatency = own[i] as number;
        value[i] = ownLatency + heard(spread * ownLatency) * (value[i] as number);
      }
    }
    return value;
  }

  #latents(unit: number): number {
    return this.#latentScales[unit]?.length ?? 0;
  }

  #decoder(unit: number): readonly [Layer, Layer, Layer] {
    return this.#layers[unit]?.decoder as readonly Layer[] as [Layer, Layer, Layer];
  }
}

/** A layer before its rectifier: [input][column] → [output][column]. */
function layerOf(
  values: Float32Array,
  { weight, bias, outputs }: Layer,
  input: Float64Array,
  columns: number,
): Float64Array {
  const output = new Float64Array(outputs * columns);
  for (let o = 0; o < outputs; o++) fillColumns(output, o, columns, values[bias + o] as number);
  addProduct(output, input, { values, from: weight, width: outputs }, columns);
  return output;
}

function hiddenLayer(values: Float32Array, layer: Layer, input: Float64Array, columns: number): Float64Array {
  const output = layerOf(values, layer, input, columns);
  rectify(output);
  return output;
}

function fillColumns(target: Float64Array, output: number, columns: number, value: number): void {
  const end = (output + 1) * columns;
  for (let at = output * columns; at < end; at++) target[at] = value;
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

function rectify(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) if ((values[i] as number) < 0) values[i] = 0;
}

/** What hidden layers are told of own latencies or latents. */
function hold(values: Float64Array, told: Float64Array): void {
  for (let i = 0; i < values.length; i++) told[i] = softly(values[i] as number, HIDDEN_REACH);
}

function softly(value: number, most: number): number {
  return most * Math.tanh(value / most);
}
