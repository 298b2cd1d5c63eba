import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';

/** Of several rows, or worlds, at once: what is looked up for a node or an edge then serves all of them. */
export interface Latencies {
  /** [node][percentile][column], ms. */
  readonly latencies: Float64Array;
  /** Default 1. */
  readonly columns?: number;
}

/** With the weight of each edge. */
export interface WeightedLatencies extends Latencies {
  readonly weights: Float64Array;
}

/**
 * What the parents of each node hand on to it: the sum over calls one after the other, the longest of those side by
 * side.
 */
export class HandedOn {
  readonly #start: Int32Array;
  readonly #parent: Int32Array;
  readonly #group: Int32Array;
  /** [edge][3×3]. */
  readonly #mix: Float64Array;
  /** Scratch, a column vector each: the norm of a group, one of its edges, and the slope that is the edge's. */
  #power = new Float64Array(1);
  #passed = new Float64Array(1);
  #share = new Float64Array(1);
  readonly #one = new Float64Array(1);

  constructor(layout: Layout) {
    const { edges } = layout;
    const index = indexOf(layout);
    this.#start = index.edges;
    this.#parent = index.parents;
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

  /** Percentile `q` of what a node is handed in the one column there is, ms. */
  value(node: number, q: number, from: WeightedLatencies): number {
    this.handOn(node, q, from, this.#one);
    return this.#one[0] as number;
  }

  /** Percentile `q` of what a node is handed, ms, into `out`, [column]. */
  handOn(node: number, q: number, from: WeightedLatencies, out: Float64Array): void {
    const { columns = 1, weights } = from;
    this.#makeRoom(columns);
    for (let i = 0; i < columns; i++) out[i] = 0;
    const end = this.#start[node + 1] as number;
    for (let first = this.#start[node] as number; first < end; ) {
      const last = this.#endOfGroup(first, end);
      if (last === first) {
        this.#addPassed(first, q, from, weights[first] as number, out);
        first += 1;
        continue;
      }
      const longest = this.#longest(first, last, q, from);
      for (let i = 0; i < columns; i++) out[i] = (out[i] as number) + (longest[i] as number);
      first = last;
    }
  }

  /**
   * Adds to `slopes` ([node][percentile][column]) what `slope` ([column]), the derivative by `handOn`, means for the
   * parents' latencies, and to `edgeSlopes` what it means for the weights, over all columns. Either may be left out.
   */
  pullBack(
    node: number,
    q: number,
    slope: Float64Array,
    from: WeightedLatencies & { readonly slopes?: Float64Array; readonly edgeSlopes?: Float64Array },
  ): void {
    const { columns = 1, weights, edgeSlopes } = from;
    this.#makeRoom(columns);
    const end = this.#start[node + 1] as number;
    for (let first = this.#start[node] as number; first < end; ) {
      const last = this.#endOfGroup(first, end);
      if (last === first) {
        if (edgeSlopes !== undefined) this.#pullEdge(first, q, { slope, edgeSlopes }, from);
        if (from.slopes !== undefined) this.#pullParent(first, q, slope, weights[first] as number, from);
        first += 1;
        continue;
      }
      // Of the norm n = (Σ xᵖ)^(1/p) the derivative by x is (x / n)^(p − 1).
      const longest = this.#longest(first, last, q, from);
      const share = this.#share;
      for (let e = first; e < last; e++) {
        const weight = weights[e] as number;
        const passed = this.passed(e, q, from);
        for (let i = 0; i < columns; i++) {
          const most = longest[i] as number;
          const own = most > 0 ? Math.max(0, weight * (passed[i] as number)) / most : 0;
          share[i] = (slope[i] as number) * lowered(own, q);
        }
        if (edgeSlopes !== undefined) this.#pullEdge(e, q, { slope: share, edgeSlopes }, from);
        if (from.slopes !== undefined) this.#pullParent(e, q, share, weight, from);
      }
      first = last;
    }
  }

  /**
   * An edge's parent as its child meets it, before weighting: the three quantiles mixed by call rate, ms, [column]. Good
   * until the next call of any method.
   */
  passed(e: number, q: number, from: Latencies): Float64Array {
    const { columns = 1 } = from;
    this.#makeRoom(columns);
    const out = this.#passed;
    for (let i = 0; i < columns; i++) out[i] = 0;
    this.#addPassed(e, q, from, 1, out);
    return out;
  }

  /** Where the calls side by side end that begin with an edge; the edge itself where it stands alone. */
  #endOfGroup(first: number, end: number): number {
    const group = this.#group[first] as number;
    if (group < 0) return first;
    let last = first + 1;
    while (last < end && this.#group[last] === group) last++;
    return last;
  }

  /** The norm over the edges of a group, [column]. */
  #longest(first: number, last: number, q: number, from: WeightedLatencies): Float64Array {
    const { columns = 1, weights } = from;
    const power = this.#power;
    for (let i = 0; i < columns; i++) power[i] = 0;
    for (let e = first; e < last; e++) {
      const weight = weights[e] as number;
      const passed = this.passed(e, q, from);
      for (let i = 0; i < columns; i++) {
        power[i] = (power[i] as number) + raised(Math.max(0, weight * (passed[i] as number)), q);
      }
    }
    for (let i = 0; i < columns; i++) power[i] = root(power[i] as number, q);
    return power;
  }

  /** out += factor · passed. Most of a mix is zeros, which are passed over. */
  #addPassed(e: number, q: number, { latencies, columns = 1 }: Latencies, factor: number, out: Float64Array) {
    for (let k = 0; k < 3; k++) {
      const part = factor * (this.#mix[9 * e + 3 * q + k] as number);
      if (part === 0) continue;
      const at = (3 * (this.#parent[e] as number) + k) * columns;
      for (let i = 0; i < columns; i++) {
        out[i] = (out[i] as number) + part * (latencies[at + i] as number);
      }
    }
  }

  #pullEdge(
    e: number,
    q: number,
    { slope, edgeSlopes }: { readonly slope: Float64Array; readonly edgeSlopes: Float64Array },
    from: Latencies,
  ): void {
    const passed = this.passed(e, q, from);
    let sum = edgeSlopes[e] as number;
    const { columns = 1 } = from;
    for (let i = 0; i < columns; i++) sum += (slope[i] as number) * (passed[i] as number);
    edgeSlopes[e] = sum;
  }

  #pullParent(
    e: number,
    q: number,
    slope: Float64Array,
    weight: number,
    { slopes, columns = 1 }: { readonly slopes?: Float64Array; readonly columns?: number },
  ): void {
    if (slopes === undefined) return;
    for (let k = 0; k < 3; k++) {
      const part = weight * (this.#mix[9 * e + 3 * q + k] as number);
      if (part === 0) continue;
      const at = (3 * (this.#parent[e] as number) + k) * columns;
      for (let i = 0; i < columns; i++) {
        slopes[at + i] = (slopes[at + i] as number) + part * (slope[i] as number);
      }
    }
  }

  #makeRoom(columns: number): void {
    if (this.#power.length >= columns) return;
    this.#power = new Float64Array(columns);
    this.#passed = new Float64Array(columns);
    this.#share = new Float64Array(columns);
  }
}

/**
 * Calls made side by side hold their caller up as long as the longest of them. Of k alike and independent ones the
 * longest is longer than one, and the norm (Σ xᵖ)^(1/p) says by how much: for k = 10 and log-normal times of σ = ½ the
 * quantiles p50, p95, p99 of the longest are 2.1, 1.6 and 1.5 times those of one; p = 4, 5, 6 give 1.8, 1.6, 1.5.
 *
 * This is xᵖ, by products: a power with any exponent takes ten times as long.
 */
function raised(x: number, q: number): number {
  const square = x * x;
  const fourth = square * square;
  if (q === 0) return fourth;
  return q === 1 ? fourth * x : fourth * square;
}

/** xᵖ⁻¹. */
function lowered(x: number, q: number): number {
  const square = x * x;
  if (q === 0) return square * x;
  return q === 1 ? square * square : square * square * x;
}

/** The p-th root. */
function root(power: number, q: number): number {
  if (power <= 0) return 0;
  if (q === 0) return Math.sqrt(Math.sqrt(power));
  return q === 1 ? power ** 0.2 : Math.cbrt(Math.sqrt(power));
}
