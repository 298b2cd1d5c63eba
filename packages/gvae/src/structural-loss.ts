import { HandedOn } from './handed-on.js';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import { positive, positiveSlope } from './own-time.js';
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
 * From the heads of stacked decoders to latencies and errors, and back. The structural equations are sparse, and in
 * plain arithmetic they follow the edges once per row; as products of matrices they would be dense in the nodes.
 *
 * An error is the mean over seen entries of the pseudo-Huber √(1 + r²) − 1, r the error of log1p(ms) in robust spreads.
 * Nodes none of whose owners is in a stack are taken as observed.
 */
export class StructuralLoss {
  readonly #layout: Layout;
  readonly #scales: Scales;
  readonly #stacks: readonly Stack[];
  readonly #handedOn: HandedOn;
  /** Nodes with an owner in a stack, causes first, each with where its heads are. */
  readonly #decoded: readonly { readonly node: number; readonly slots: readonly Slot[] }[];

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
    const nq = 3 * this.#layout.nodes.length;
    const count = 3 * this.#seen(rows);
    const squared = new Float64Array(this.#layout.nodes.length);
    const sums = { posteriorChained: 0, posteriorForced: 0, priorChained: 0, priorForced: 0 };
    const slopes = errorWeights && {
      heads: heads.map(({ length }) => new Float32Array(length)),
      edges: new Float64Array(weights.length),
    };
    // Scratch of one row and latent: latencies decoded along the chain, what observed parents hand on, raw heads, and
    // derivatives by latency.
    const chained = new Float64Array(nq);
    const handed = new Float64Array(nq);
    const raw = new Float64Array(nq);
    const chainedSlope = new Float64Array(nq);
    const forcedSlope = new Float64Array(nq);
    const { selfScale, logSpread } = this.#scales;

    rows.forEach((input, row) => {
      const { observed, target: targets, seen } = input;
      for (const { node } of this.#decoded) {
        for (let q = 0; q < 3; q++) {
          handed[3 * node + q] = this.#handedOn.value(node, q, { latencies: observed, weights });
        }
      }
      for (const half of [0, 1] as const) {
        const [chainedName, forcedName] =
          half === 0
            ? (['posteriorChained', 'posteriorForced'] as const)
            : (['priorChained', 'priorForced'] as const);
        const chainedPart = errorWeights === undefined ? 0 : errorWeights[chainedName] / count;
        const forcedPart = errorWeights === undefined ? 0 : errorWeights[forcedName] / count;
        chained.set(observed);
        chainedSlope.fill(0);
        for (const { node, slots } of this.#decoded) {
          let self = 0;
          for (let q = 0; q < 3; q++) {
            const at = 3 * node + q;
            let sum = fixed === undefined ? 0 : (fixed[row]?.[at] as number);
            for (const slot of slots) {
              sum += heads[slot.stack]?.[this.#headAt(slot, half, row, rows.length) + q] as number;
            }
            raw[at] = sum;
            self += positive(sum) * (selfScale[at] as number);
            const follow = self + this.#handedOn.value(node, q, { latencies: chained, weights });
            const force = self + (handed[at] as number);
            chained[at] = follow;
            forcedSlope[at] = 0;
            if (seen[node] === 0) continue;
            const target = targets[at] as number;
            const spread = logSpread[at] as number;
            const followError = Math.log1p(follow) - target;
            const forceError = Math.log1p(force) - target;
            const followRoot = Math.sqrt(1 + (followError / spread) ** 2);
            const forceRoot = Math.sqrt(1 + (forceError / spread) ** 2);
            sums[chainedName] += followRoot - 1;
            sums[forcedName] += forceRoot - 1;
            if (half === 0) squared[node] = (squared[node] as number) + followError * followError;
            if (slopes === undefined) continue;
            const scale = 1 / (spread * spread);
            chainedSlope[at] = (chainedPart * followError * scale) / (followRoot * (1 + follow));
            forcedSlope[at] = (forcedPart * forceError * scale) / (forceRoot * (1 + force));
          }
        }
        if (slopes === undefined) continue;
        for (let i = this.#decoded.length - 1; i >= 0; i--) {
          const { node, slots } = this.#decoded[i] as { node: number; slots: readonly Slot[] };
          let own = 0;
          for (let q = 2; q >= 0; q--) {
            const at = 3 * node + q;
            const follow = chainedSlope[at] as number;
            const force = forcedSlope[at] as number;
            // Percentile q of the own time enters that percentile and all above it.
            own += follow + force;
            const slope = own * (selfScale[at] as number) * positiveSlope(raw[at] as number);
            for (const slot of slots) {
              (slopes.heads[slot.stack] as Float32Array)[this.#headAt(slot, half, row, rows.length) + q] =
                slope;
            }
            if (!this.#handedOn.has(node)) continue;
            this.#handedOn.pullBack(node, q, follow, {
              latencies: chained,
              weights,
              slopes: chainedSlope,
            });
            this.#handedOn.pullBack(node, q, force, {
              latencies: observed,
              weights,
              edgeSlopes: slopes.edges,
            });
          }
        }
      }
    });
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

  #seen(rows: readonly Inputs[]): number {
    let count = 0;
    for (const { seen } of rows) for (const { node } of this.#decoded) count += seen[node] as number;
    return count;
  }

  #headAt({ stack, position, slot }: Slot, half: 0 | 1, row: number, rows: number): number {
    const width = 3 * (this.#stacks[stack]?.owned ?? 0);
    return (position * 2 * rows + half * rows + row) * width + 3 * slot;
  }
}
