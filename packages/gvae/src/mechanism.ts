import { HandedOn } from './handed-on.js';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import { met, positive } from './own-time.js';
import { edgeWeights, type Parameters } from './parameters.js';
import {
  type Condition,
  type Hidden,
  type LatentNormal,
  PlainNetworks,
  type ReadLatents,
} from './plain-network.js';
import type { Scales } from './scales.js';

/** The structural equations f_v = handed on by its parents + self_v(X, Z, load), as learnt, in ms. */
export class Mechanism {
  /** Per edge. */
  readonly weights: Float64Array;
  readonly #layout: Layout;
  readonly #scales: Scales;
  readonly #networks: PlainNetworks;
  readonly handing: HandedOn;
  /** Per node its owners, and its position among what each owns. */
  readonly #slots: readonly (readonly { readonly unit: number; readonly slot: number }[])[];

  constructor(layout: Layout, scales: Scales, parameters: Parameters) {
    this.#layout = layout;
    this.#scales = scales;
    this.#networks = new PlainNetworks(layout, scales, parameters.units);
    this.handing = new HandedOn(layout);
    this.weights = edgeWeights(layout, parameters.corrections);
    const slots: { unit: number; slot: number }[][] = layout.nodes.map(() => []);
    layout.units.forEach(({ nodes }, unit) => {
      nodes.forEach((v, slot) => {
        slots[v]?.push({ unit, slot });
      });
    });
    this.#slots = slots;
  }

  /** What a unit's networks read of a window. */
  condition(unit: number, { features, load }: Pick<Inputs, 'features' | 'load'>): Condition {
    const { features: at } = indexOf(this.#layout);
    const { roots = [] } = this.#layout.units[unit] ?? {};
    return {
      features: features.subarray(at[unit], at[unit + 1]),
      load: Float64Array.from(roots, (root) => load[root] as number),
    };
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

  /** The mean of p(Z | X) of a unit. */
  priorMean(unit: number, { features }: Pick<Condition, 'features'>): Float64Array {
    return this.#networks.latentMeans('prior', unit, Float64Array.from(features), 1);
  }

  /** Latents of a unit, [latent][column], to be decoded under one condition or several. */
  readLatents(unit: number, latents: Float64Array): ReadLatents {
    return this.#networks.readLatents(unit, latents);
  }

  /** What a unit's nodes have in common. */
  hidden(unit: number, condition: Condition, latents: ReadLatents): Hidden {
    return this.#networks.hidden(unit, condition, latents);
  }

  /** What a unit adds to its nodes' own times, as raw numbers: [owned node][percentile][column]. */
  heads(unit: number, condition: Condition, latents: Float64Array): Float64Array {
    // As many heads as latents.
    const heads = new Float64Array(latents.length);
    const hidden = this.hidden(unit, condition, this.readLatents(unit, latents));
    this.#networks.addOutputs(unit, 0, hidden, heads);
    return heads;
  }

  /**
   * Own p50, p95, p99 of a node in ms from what is hidden in its owners, positive and ordered by construction:
   * [percentile][column].
   */
  selfTimes(node: number, hiddenOf: (unit: number) => Hidden, columns: number): Float64Array {
    return this.#cumulated(node, this.#raws(node, hiddenOf, columns), columns);
  }

  /** The sum of what a node's owners say, [percentile][column]. */
  #raws(node: number, hiddenOf: (unit: number) => Hidden, columns: number): Float64Array {
    const raws = new Float64Array(3 * columns);
    for (const { unit, slot } of this.#slots[node] ?? []) {
      this.#networks.addOutputs(unit, 3 * slot, hiddenOf(unit), raws);
    }
    return raws;
  }

  /** Raw numbers as own times, in place. */
  #cumulated(node: number, times: Float64Array, columns: number): Float64Array {
    for (let q = 0; q < 3; q++) {
      const scale = this.#scales.selfScale[3 * node + q] as number;
      for (let i = q * columns; i < (q + 1) * columns; i++) {
        const below = q === 0 ? 0 : (times[i - columns] as number);
        times[i] = below + positive(times[i] as number) * scale;
      }
    }
    return times;
  }

  /** What a node's parents hand on to its percentile `q`, ms. `latencies`: [node][percentile]. */
  handedOn(node: number, q: number, latencies: Float64Array): number {
    return this.handing.value(node, q, { latencies, weights: this.weights });
  }

  /**
   * All nodes, [node][percentile], ms, with each Z at its mean. That of the posterior says what part of what it was handed
   * a node met, too; a prior foretells that it meets all of it. `parents`: 'observed' for each node given what its
   * parents were seen to take, 'decoded' for the whole network from its own inputs.
   */
  decode(inputs: Inputs, latents: Latents, parents: 'observed' | 'decoded'): Float64Array {
    return this.#decodeRows([inputs], latents, parents);
  }

  /** The same for many rows, each beside what it is decoded to; quicker than one by one. */
  *decodeAll(
    rows: readonly Inputs[],
    latents: Latents,
    parents: 'observed' | 'decoded',
  ): Generator<readonly [Inputs, Float64Array]> {
    for (let first = 0; first < rows.length; first += MOST_COLUMNS) {
      const part = rows.slice(first, first + MOST_COLUMNS);
      const decoded = this.#decodeRows(part, latents, parents);
      for (const [i, inputs] of part.entries()) yield [inputs, rowOf(decoded, i, part.length)];
    }
  }

  /** What units add to the own times of their nodes, as raw numbers, [node][percentile], with each Z as it was. */
  *addedBy(units: readonly number[], rows: readonly Inputs[]): Generator<readonly [Inputs, Float32Array]> {
    for (let first = 0; first < rows.length; first += MOST_COLUMNS) {
      const part = rows.slice(first, first + MOST_COLUMNS);
      const added = new Float64Array(3 * this.#layout.nodes.length * part.length);
      for (const u of units) {
        const hidden = this.#hiddenOfRows(u, part, 'posterior');
        this.#layout.units[u]?.nodes.forEach((v, slot) => {
          const at = 3 * v * part.length;
          this.#networks.addOutputs(u, 3 * slot, hidden, added.subarray(at, at + 3 * part.length));
        });
      }
      for (const [i, inputs] of part.entries())
        yield [inputs, Float32Array.from(rowOf(added, i, part.length))];
    }
  }

  /** [node][percentile][row]. */
  #decodeRows(rows: readonly Inputs[], latents: Latents, parents: 'observed' | 'decoded'): Float64Array {
    const columns = rows.length;
    const hidden = this.#layout.units.map((_, u) => this.#hiddenOfRows(u, rows, latents));
    const decoded = new Float64Array(3 * this.#layout.nodes.length * columns);
    const source =
      parents === 'decoded'
        ? decoded
        : columnsOf(
            rows.map(({ observed }) => observed),
            0,
            3 * this.#layout.nodes.length,
          );
    const from = { latencies: source, columns, weights: this.weights };
    this.#layout.nodes.forEach((_, v) => {
      const raws = this.#raws(v, (u) => hidden[u] as Hidden, columns);
      const part = latents === 'posterior' ? raws.map(met) : undefined;
      const self = this.#cumulated(v, raws, columns);
      for (let q = 0; q < 3; q++) {
        const at = (3 * v + q) * columns;
        const out = decoded.subarray(at, at + columns);
        this.handing.handOn(v, q, from, out);
        for (let i = 0; i < columns; i++) {
          const handed = (out[i] as number) * (part?.[q * columns + i] ?? 1);
          out[i] = handed + (self[q * columns + i] as number);
        }
      }
    });
    return decoded;
  }

  #hiddenOfRows(unit: number, rows: readonly Inputs[], latents: Latents): Hidden {
    const index = indexOf(this.#layout);
    const columns = rows.length;
    const stretch = (of: 'features' | 'own'): Float64Array =>
      columnsOf(
        rows.map((row) => row[of]),
        index[of][unit] as number,
        index[of][unit + 1] as number,
      );
    const features = stretch('features');
    const { roots = [] } = this.#layout.units[unit] ?? {};
    const load = roots.map((root) => Float64Array.from(rows, (row) => row.load[root] as number));
    const means =
      latents === 'prior'
        ? this.#networks.latentMeans('prior', unit, features, columns)
        : this.#networks.latentMeans('encoder', unit, joined([features, stretch('own')]), columns);
    return this.#networks.hiddenOfColumns(unit, joined([features, means, ...load]), columns);
  }
}

type Latents = 'posterior' | 'prior';

/** Rows decoded at once: they share the looking up of weights, and their latencies stay in the cache. */
const MOST_COLUMNS = 16;

/** A stretch of each row as columns: [entry][row]. */
function columnsOf(rows: readonly (Float32Array | Float64Array)[], from: number, end: number): Float64Array {
  const columns = new Float64Array((end - from) * rows.length);
  rows.forEach((row, i) => {
    for (let at = from; at < end; at++) columns[(at - from) * rows.length + i] = row[at] as number;
  });
  return columns;
}

/** One row of columns [entry][row]. */
function rowOf(columns: Float64Array, row: number, rows: number): Float64Array {
  const entries = new Float64Array(columns.length / rows);
  for (let at = 0; at < entries.length; at++) entries[at] = columns[at * rows + row] as number;
  return entries;
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
