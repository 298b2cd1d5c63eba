import { HandedOn } from './handed-on.js';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import { met, metSlope, positive, positiveSlope } from './own-time.js';
import type { Scales } from './scales.js';
import type { Stack } from './stacks.js';

/** The four errors of the loss (reference, section 2), and what the coefficient of determination is made of. */
export interface StructuralErrors {
  readonly posteriorChained: number;
  readonly posteriorForced: number;
  readonly priorChained: number;
  readonly priorForced: number;
  /** [node]: Σ over seen rows and percentiles of squared errors of log1p(ms), chained, Z from the encoder. */
  readonly squared: Float64Array;
}

/** How much each of the four errors counts. */
export type ErrorWeights = Readonly<Record<Exclude<keyof StructuralErrors, 'squared'>, number>>;

/** Derivatives of the weighted sum of the errors. */
export interface StructuralSlopes {
  /** Per stack, shaped like its heads. */
  readonly heads: readonly Float32Array[];
  /** [edge], by the edge's weight; through observed parents alone, since what is chained hardly tells weights apart. */
  readonly edges: Float64Array;
}

interface Slot {
  readonly stack: number;
  readonly position: number;
  readonly slot: number;
}

/**
 * Rows computed at once: enough that looking up nodes and edges is cheap, few enough that all of them stay in the
 * cache.
 */
const MOST_COLUMNS = 16;

/** Some rows of a batch, as columns. */
interface Part {
  readonly heads: readonly Float32Array[];
  /** The whole batch, and where in it the columns begin. */
  readonly rows: readonly Inputs[];
  readonly first: number;
  readonly columns: number;
  readonly weights: Float64Array;
  readonly fixed: readonly Float32Array[] | undefined;
}

/** What the errors of one of the two latents count, and where its squared errors are added. */
interface Counting {
  /** Which rows of the heads: the posterior's or the prior's. */
  readonly half: 0 | 1;
  readonly chainedPart: number;
  readonly forcedPart: number;
  readonly squared: Float64Array | undefined;
}

/**
 * From the heads of stacked decoders to latencies and errors, and back. The structural equations are sparse, and in
 * plain arithmetic they follow the edges once per row; as products of matrices they would be dense in the nodes.
 *
 * An error is the mean over seen entries of the pseudo-Huber √(1 + r²) − 1, r the error of log1p(ms) in robust spreads.
 * Nodes none of whose owners is in a stack are taken as observed. What part of what it is handed a node met is for the
 * window to say, and so for the posterior alone: X foretells that it meets all of it.
 */
export class StructuralLoss {
  readonly #layout: Layout;
  readonly #scales: Scales;
  readonly #stacks: readonly Stack[];
  readonly #handedOn: HandedOn;
  /** Nodes with an owner in a stack, causes first, each with where its heads are. */
  readonly #decoded: readonly { readonly node: number; readonly slots: readonly Slot[] }[];
  readonly #scratch: Scratch;

  constructor(layout: Layout, scales: Scales, stacks: readonly Stack[]) {
    this.#layout = layout;
    this.#scales = scales;
    this.#stacks = stacks;
    this.#handedOn = new HandedOn(layout);
    const slots = new Map<number, Slot[]>();
    stacks.forEach(({ units }, stack) => {
      units.forEach((u, position) => {
        layout.units[u]?.nodes.forEach((node, slot) => {
          slots.set(node, [...(slots.get(node) ?? []), { stack, position, slot }]);
        });
      });
    });
    this.#decoded = [...slots.keys()]
      .sort((a, b) => a - b)
      .map((node) => ({ node, slots: slots.get(node) as Slot[] }));
    this.#scratch = scratchFor(3 * layout.nodes.length * MOST_COLUMNS);
  }

  /** Indices of the nodes that are decoded, ascending. */
  get decoded(): readonly number[] {
    return this.#decoded.map(({ node }) => node);
  }

  /**
   * `heads`: per stack [units, 2 · rows, 3 · owned], the posterior's rows before the prior's. `fixed`: per row
   * [node][percentile], what owners outside of the stacks add. With `errorWeights` also the slopes.
   */
  evaluate(
    heads: readonly Float32Array[],
    rows: readonly Inputs[],
    options: {
      readonly weights: Float64Array;
      readonly fixed?: readonly Float32Array[] | undefined;
      readonly errorWeights?: ErrorWeights | undefined;
    },
  ): { readonly errors: StructuralErrors; readonly slopes: StructuralSlopes | undefined } {
    const { weights, fixed, errorWeights } = options;
    const count = 3 * this.#seen(rows);
    const sums = { posteriorChained: 0, posteriorForced: 0, priorChained: 0, priorForced: 0 };
    const squared = new Float64Array(this.#layout.nodes.length);
    const slopes = errorWeights && {
      heads: heads.map(({ length }) => new Float32Array(length)),
      edges: new Float64Array(weights.length),
    };
    for (let first = 0; first < rows.length; first += MOST_COLUMNS) {
      const columns = Math.min(MOST_COLUMNS, rows.length - first);
      const part: Part = { heads, rows, first, columns, weights, fixed };
      this.#handOnObserved(part);
      for (const half of [0, 1] as const) {
        const [chainedName, forcedName] =
          half === 0
            ? (['posteriorChained', 'posteriorForced'] as const)
            : (['priorChained', 'priorForced'] as const);
        const found = this.#decode(part, {
          half,
          chainedPart: errorWeights === undefined ? 0 : errorWeights[chainedName] / count,
          forcedPart: errorWeights === undefined ? 0 : errorWeights[forcedName] / count,
          squared: half === 0 ? squared : undefined,
        });
        sums[chainedName] += found.chained;
        sums[forcedName] += found.forced;
        if (slopes !== undefined) this.#pullBack(part, half, slopes);
      }
    }
    const mean = (sum: number) => (count === 0 ? 0 : sum / count);
    const errors = {
      posteriorChained: mean(sums.posteriorChained),
      posteriorForced: mean(sums.posteriorForced),
      priorChained: mean(sums.priorChained),
      priorForced: mean(sums.priorForced),
      squared,
    };
    return { errors, slopes };
  }

  /** Lays out what was observed, and what decoded nodes are handed by observed parents. */
  #handOnObserved({ rows, first, columns, weights }: Part): void {
    const { observed, handed } = this.#scratch;
    for (let i = 0; i < columns; i++) {
      const row = (rows[first + i] as Inputs).observed;
      for (let at = 0; at < row.length; at++) observed[at * columns + i] = row[at] as number;
    }
    for (const { node } of this.#decoded) {
      for (let q = 0; q < 3; q++) {
        const at = (3 * node + q) * columns;
        const out = handed.subarray(at, at + columns);
        this.#handedOn.handOn(node, q, { latencies: observed, columns, weights }, out);
      }
    }
  }

  /**
   * Latencies along the chain, and given observed parents, and their errors; with the derivatives of these by latency.
   */
  #decode(part: Part, counting: Counting): { readonly chained: number; readonly forced: number } {
    const { rows, first, columns, weights } = part;
    const { observed, chained, handed, chainedHanded, raw, chainedSlope, forcedSlope } = this.#scratch;
    const { selfScale, logSpread } = this.#scales;
    const sums = { chained: 0, forced: 0 };
    const self = new Float64Array(columns);
    chained.set(observed);
    chainedSlope.fill(0);
    for (const { node, slots } of this.#decoded) {
      self.fill(0);
      for (let q = 0; q < 3; q++) {
        const from = (3 * node + q) * columns;
        const follows = chained.subarray(from, from + columns);
        this.#handedOn.handOn(node, q, { latencies: chained, columns, weights }, follows);
        this.#addHeads(part, counting.half, slots, 3 * node + q);
        const scale = selfScale[3 * node + q] as number;
        const spread = logSpread[3 * node + q] as number;
        const precision = 1 / (spread * spread);
        for (let i = 0; i < columns; i++) {
          const at = from + i;
          self[i] = (self[i] as number) + positive(raw[at] as number) * scale;
          const part = counting.half === 0 ? met(raw[at] as number) : 1;
          const follow = (self[i] as number) + part * (follows[i] as number);
          const force = (self[i] as number) + part * (handed[at] as number);
          chainedHanded[at] = follows[i] as number;
          follows[i] = follow;
          forcedSlope[at] = 0;
          const { seen, target } = rows[first + i] as Inputs;
          if (seen[node] === 0) continue;
          const followError = Math.log1p(follow) - (target[3 * node + q] as number);
          const forceError = Math.log1p(force) - (target[3 * node + q] as number);
          const followRoot = Math.sqrt(1 + followError * followError * precision);
          const forceRoot = Math.sqrt(1 + forceError * forceError * precision);
          sums.chained += followRoot - 1;
          sums.forced += forceRoot - 1;
          if (counting.squared !== undefined) {
            counting.squared[node] = (counting.squared[node] as number) + followError * followError;
          }
          chainedSlope[at] = (counting.chainedPart * followError * precision) / (followRoot * (1 + follow));
          forcedSlope[at] = (counting.forcedPart * forceError * precision) / (forceRoot * (1 + force));
        }
      }
    }
    return sums;
  }

  /** The derivatives by latency, effects first, as derivatives by heads and by edge weights. */
  #pullBack(part: Part, half: 0 | 1, slopes: StructuralSlopes): void {
    const { first, columns, weights } = part;
    const { observed, chained, handed, chainedHanded, raw, chainedSlope, forcedSlope } = this.#scratch;
    const { selfScale } = this.#scales;
    const own = new Float64Array(columns);
    const byRaw = new Float64Array(columns);
    for (let d = this.#decoded.length - 1; d >= 0; d--) {
      const { node, slots } = this.#decoded[d] as { node: number; slots: readonly Slot[] };
      own.fill(0);
      for (let q = 2; q >= 0; q--) {
        const from = (3 * node + q) * columns;
        const follow = chainedSlope.subarray(from, from + columns);
        const force = forcedSlope.subarray(from, from + columns);
        const scale = selfScale[3 * node + q] as number;
        for (let i = 0; i < columns; i++) {
          // Percentile q of the own time enters that percentile and all above it.
          own[i] = (own[i] as number) + (follow[i] as number) + (force[i] as number);
        }
        for (let i = 0; i < columns; i++) {
          const at = from + i;
          const byMet =
            (follow[i] as number) * (chainedHanded[at] as number) +
            (force[i] as number) * (handed[at] as number);
          const number = raw[at] as number;
          byRaw[i] = (own[i] as number) * scale * positiveSlope(number);
          if (half === 1) continue;
          byRaw[i] = (byRaw[i] as number) + byMet * metSlope(number);
          // From here on slopes by what was handed on.
          follow[i] = (follow[i] as number) * met(number);
          force[i] = (force[i] as number) * met(number);
        }
        for (const slot of slots) {
          const target = slopes.heads[slot.stack] as Float32Array;
          const width = this.#width(slot);
          const to = this.#headAt(slot, half, first, part.rows.length) + q;
          for (let i = 0; i < columns; i++) target[to + i * width] = byRaw[i] as number;
        }
        if (!this.#handedOn.has(node)) continue;
        this.#handedOn.pullBack(node, q, follow, {
          latencies: chained,
          columns,
          weights,
          slopes: chainedSlope,
        });
        this.#handedOn.pullBack(node, q, force, {
          latencies: observed,
          columns,
          weights,
          edgeSlopes: slopes.edges,
        });
      }
    }
  }

  /** The raw own time of a node's percentile: its owners' heads in the stacks, and what owners outside of them add. */
  #addHeads(part: Part, half: 0 | 1, slots: readonly Slot[], nodePercentile: number): void {
    const { heads, rows, first, columns, fixed } = part;
    const { raw } = this.#scratch;
    const to = nodePercentile * columns;
    for (let i = 0; i < columns; i++) {
      raw[to + i] = fixed === undefined ? 0 : (fixed[first + i]?.[nodePercentile] as number);
    }
    for (const slot of slots) {
      const source = heads[slot.stack] as Float32Array;
      const width = this.#width(slot);
      const from = this.#headAt(slot, half, first, rows.length) + (nodePercentile % 3);
      for (let i = 0; i < columns; i++) {
        raw[to + i] = (raw[to + i] as number) + (source[from + i * width] as number);
      }
    }
  }

  #seen(rows: readonly Inputs[]): number {
    let count = 0;
    for (const { seen } of rows) for (const { node } of this.#decoded) count += seen[node] as number;
    return count;
  }

  #width({ stack }: Slot): number {
    return 3 * (this.#stacks[stack]?.owned ?? 0);
  }

  #headAt(slot: Slot, half: 0 | 1, row: number, rows: number): number {
    return (slot.position * 2 * rows + half * rows + row) * this.#width(slot) + 3 * slot.slot;
  }
}

/** All [node][percentile][column]. */
interface Scratch {
  readonly observed: Float64Array;
  /** Decoded along the chain. */
  readonly chained: Float64Array;
  /** What is handed on by observed parents, and along the chain. */
  readonly handed: Float64Array;
  readonly chainedHanded: Float64Array;
  /** Sums of heads. */
  readonly raw: Float64Array;
  /** Derivatives by latency. */
  readonly chainedSlope: Float64Array;
  readonly forcedSlope: Float64Array;
}

function scratchFor(size: number): Scratch {
  return {
    observed: new Float64Array(size),
    chained: new Float64Array(size),
    handed: new Float64Array(size),
    chainedHanded: new Float64Array(size),
    raw: new Float64Array(size),
    chainedSlope: new Float64Array(size),
    forcedSlope: new Float64Array(size),
  };
}
