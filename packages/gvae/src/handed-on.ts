import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';

/**
 * Calls made side by side hold their caller up as long as the longest of them. Of k alike and independent ones the
 * longest is longer than one, and the norm (Σ xᵖ)^(1/p) says by how much: for k = 10 and log-normal times of σ = ½ the
 * quantiles p50, p95, p99 of the longest are 2.1, 1.6 and 1.5 times those of one; these exponents give 1.8, 1.6, 1.5.
 */
const EXPONENTS = [4, 5, 6] as const;

/** What the parents of each node hand on to it: the sum over calls one after the other, the longest of those side by side. */
export class HandedOn {
  readonly #start: Int32Array;
  readonly #parent: Int32Array;
  readonly #group: Int32Array;
  /** [edge][3×3]. */
  readonly #mix: Float64Array;

  constructor(layout: Layout) {
    const { edges } = layout;
    this.#start = indexOf(layout).edges;
    this.#parent = Int32Array.from(edges, ({ parent }) => parent);
    this.#group = Int32Array.from(edges, ({ group }) => group);
    this.#mix = Float64Array.from(edges.flatMap(({ mix }) => mix));
  }

  /** Positions in `Layout.edges` of the edges into a node: from the first up to, not including, the second. */
  range(node: number): readonly [number, number] {
    return [this.#start[node] as number, this.#start[node + 1] as number];
  }

  /** Whether a node has parents at all. */
  has(node: number): boolean {
    return this.#start[node] !== this.#start[node + 1];
  }

  /**
   * Percentile `q` of what a node is handed, ms. `latencies`: [node][percentile]; `weights`: per edge.
   */
  value(
    node: number,
    q: number,
    { latencies, weights }: { latencies: Float64Array; weights: Float64Array },
  ): number {
    const end = this.#start[node + 1] as number;
    const exponent = EXPONENTS[q] as number;
    let sum = 0;
    let power = 0;
    let group = -1;
    for (let e = this.#start[node] as number; e < end; e++) {
      const part = (weights[e] as number) * this.passed(e, q, latencies);
      const own = this.#group[e] as number;
      if (own < 0) {
        sum += part;
        continue;
      }
      if (own !== group) {
        sum += root(power, exponent);
        power = 0;
        group = own;
      }
      power += Math.max(0, part) ** exponent;
    }
    return sum + root(power, exponent);
  }

  /**
   * Adds to `slopes` ([node][percentile]) what `slope`, the derivative by `value`, means for the parents' latencies, and
   * to `edgeSlopes` what it means for the weights. Either may be left out.
   */
  pullBack(
    node: number,
    q: number,
    slope: number,
    {
      latencies,
      weights,
      slopes,
      edgeSlopes,
    }: {
      latencies: Float64Array;
      weights: Float64Array;
      slopes?: Float64Array;
      edgeSlopes?: Float64Array;
    },
  ): void {
    const end = this.#start[node + 1] as number;
    const exponent = EXPONENTS[q] as number;
    for (let first = this.#start[node] as number; first < end; ) {
      const group = this.#group[first] as number;
      let last = first + 1;
      let longest = 0;
      if (group >= 0) {
        while (last < end && this.#group[last] === group) last++;
        let power = 0;
        for (let e = first; e < last; e++) {
          power += Math.max(0, (weights[e] as number) * this.passed(e, q, latencies)) ** exponent;
        }
        longest = root(power, exponent);
      }
      for (let e = first; e < last; e++) {
        const passed = this.passed(e, q, latencies);
        let factor = slope;
        if (group >= 0) {
          if (longest <= 0) continue;
          factor *= (Math.max(0, (weights[e] as number) * passed) / longest) ** (exponent - 1);
        }
        if (edgeSlopes !== undefined) edgeSlopes[e] = (edgeSlopes[e] as number) + factor * passed;
        if (slopes === undefined) continue;
        const weight = factor * (weights[e] as number);
        const to = 3 * (this.#parent[e] as number);
        const row = 9 * e + 3 * q;
        for (let k = 0; k < 3; k++) {
          slopes[to + k] = (slopes[to + k] as number) + weight * (this.#mix[row + k] as number);
        }
      }
      first = last;
    }
  }

  /** An edge's parent as its child meets it, before weighting: the three quantiles mixed by call rate, ms. */
  passed(e: number, q: number, latencies: Float64Array): number {
    const from = 3 * (this.#parent[e] as number);
    const row = 9 * e + 3 * q;
    const mix = this.#mix;
    return (
      (mix[row] as number) * (latencies[from] as number) +
      (mix[row + 1] as number) * (latencies[from + 1] as number) +
      (mix[row + 2] as number) * (latencies[from + 2] as number)
    );
  }
}

function root(power: number, exponent: number): number {
  return power > 0 ? power ** (1 / exponent) : 0;
}
