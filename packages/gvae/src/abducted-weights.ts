import type { HandedOn, Latencies } from './handed-on.js';
import type { Layout } from './layout.js';
import { BEYOND, explainBySlowCalls, type Left, leastShare } from './slow-calls.js';

/** What is known of a window before its edges' weights are abducted. Flat: [node][percentile], ms. */
export interface Explained {
  readonly observed: Float64Array;
  /** Of the training. */
  readonly usual: Float64Array;
  /** Observed less what the mechanism expects of observed parents… */
  readonly residual: Float64Array;
  /** …and its spread in ordinary times. */
  readonly noise: Float64Array;
  /** [node]: calls seen in the window. */
  readonly counts: Float64Array;
}

/**
 * Abduction of edge weights. A graph knows the weight w of an edge within bounds only: it is a mean over calls, and
 * where data tell of services and not of calls, little more than a guess. Where a node is slower than its parents
 * explain, and a parent itself has risen above its usual m̄ to m, the parent may have been handed on more fully than
 * usual:
 *
 *   handed' = handed + φ Σ (most − w) max(0, m − m̄),   0 ≤ φ ≤ 1 as large as the residual needs
 *
 * and likewise down to `least` where the node is faster. What bounds do not cover stays a residual, the node's own.
 *
 * Nobody waits longer than it takes: where all that is handed on exceeds what was observed, as it does when callers give
 * up on calls or quantiles of rare calls are added up, all of it counts by the part that fits.
 *
 * A node that waits for several calls is slow when any of them is: of its calls 1 − q may be slow though of each
 * parent's fewer are, whose quantile q is then as usual and only one above shows it; and between two known quantiles of a
 * parent any latency from the one to the other may lie. What is left of a residual is therefore looked for in the rise of
 * the parents' quantiles above, as far as enough calls can have been so slow: see `explainBySlowCalls`.
 *
 * A call that several kinds of requests make may have been made by one kind more often than usual, as when whoever comes
 * last makes it for all: by as many of them as there were calls.
 *
 * Where the parent is an aggregate over callers, the calls of this child may be the slow ones of it: m is the slowest
 * between the child's percentile and the p99 of the parent that the child can have waited for, being no faster itself.
 */
export class AbductedWeights {
  readonly #handedOn: HandedOn;
  readonly #usual: Float64Array;
  /** [edge][percentile]: φ times the room up or, negative, down. */
  readonly #added: Float64Array;
  /**
   * [edge][percentile] of aggregates: how far from the child's percentile to the p99 of the parent m lies, 0..1; −1:
   * none.
   */
  readonly #met: Float64Array;
  /** [node][percentile]: the part of what is handed on that fits into what was observed, mostly 1. */
  readonly #fitting: Float64Array;
  /** [edge][percentile]: what of the rise of a known quantile of the parent is handed on beside, 0..1… */
  readonly #tail: Float64Array;
  /** …and of which. */
  readonly #tailQuantile: Uint8Array;
  readonly #weights: Float64Array;
  /** [edge]: of the parent per occurrence of the child, as many as there can have been. */
  readonly #calls: Float64Array;
  readonly #layout: Layout;
  readonly #one = new Float64Array(1);

  constructor(layout: Layout, handedOn: HandedOn, weights: Float64Array, explained: Explained) {
    const { observed, usual, residual, noise, counts } = explained;
    this.#layout = layout;
    this.#handedOn = handedOn;
    this.#usual = usual;
    this.#weights = weights;
    this.#calls = mostCalls(layout, counts);
    this.#fitting = new Float64Array(observed.length).fill(1);
    this.#tail = new Float64Array(3 * layout.edges.length);
    this.#tailQuantile = new Uint8Array(3 * layout.edges.length);
    this.#added = new Float64Array(3 * layout.edges.length);
    this.#met = new Float64Array(3 * layout.edges.length).map((_, i) =>
      this.#meeting(Math.floor(i / 3), i % 3, observed),
    );
    layout.nodes.forEach((_, v) => {
      const [first, end] = handedOn.range(v);
      for (let q = 0; q < 3; q++) {
        const rest = residual[3 * v + q] as number;
        const took = observed[3 * v + q] as number;
        const handed = handedOn.value(v, q, { latencies: observed, weights });
        if (handed > took) {
          this.#fitting[3 * v + q] = took / handed;
          continue;
        }
        const room = (e: number): number => {
          const { least, most } = layout.edges[e] as Layout['edges'][number];
          const weight = weights[e] as number;
          return rest > 0 ? Math.max(0, most - weight) : Math.min(0, least - weight);
        };
        let reach = 0;
        for (let e = first; e < end; e++)
          reach += room(e) * (this.#risen(e, q, { latencies: observed })[0] as number);
        const part = reach === 0 ? 0 : Math.min(1, rest / reach);
        for (let e = first; e < end; e++) this.#added[3 * e + q] = part * room(e);
        const leftMs = rest - part * reach;
        if (leftMs <= (noise[3 * v + q] as number)) continue;
        const usually = handedOn.value(v, q, { latencies: usual, weights });
        const metMs = Math.max(0, handed - usually) + part * reach;
        this.#lookBeyond(v, q, observed, { leftMs, metMs, share: leastShare(q, counts[v] as number) });
      }
    });
  }

  /** Percentile `q` of what a node is handed at these latencies, [node][percentile], ms. */
  value(node: number, q: number, latencies: Float64Array): number {
    this.handOn(node, q, { latencies }, this.#one);
    return this.#one[0] as number;
  }

  /** Percentile `q` of what a node is handed at these latencies, ms, into `out`, [column]. */
  handOn(node: number, q: number, from: Latencies, out: Float64Array): void {
    const { latencies, columns = 1 } = from;
    const [first, end] = this.#handedOn.range(node);
    // Written out, here and wherever it is done often: a spread that is added to has a hidden class of its own each time.
    this.#handedOn.handOn(node, q, { latencies, columns, weights: this.#weights }, out);
    const fitting = this.#fitting[3 * node + q] as number;
    if (fitting !== 1) for (let i = 0; i < columns; i++) out[i] = fitting * (out[i] as number);
    for (let e = first; e < end; e++) {
      const added = this.#added[3 * e + q] as number;
      if (added === 0) continue;
      const risen = this.#risen(e, q, from);
      for (let i = 0; i < columns; i++) out[i] = (out[i] as number) + added * (risen[i] as number);
    }
    this.#addTails(node, q, from, out);
  }

  #addTails(node: number, q: number, { latencies, columns = 1 }: Latencies, out: Float64Array): void {
    const [first, end] = this.#handedOn.range(node);
    for (let e = first; e < end; e++) {
      const part = this.#tail[3 * e + q] as number;
      if (part === 0) continue;
      const at =
        3 * (this.#layout.edges[e] as Layout['edges'][number]).parent +
        (this.#tailQuantile[3 * e + q] as number);
      const usual = this.#usual[at] as number;
      for (let i = 0; i < columns; i++) {
        out[i] = (out[i] as number) + part * Math.max(0, (latencies[at * columns + i] as number) - usual);
      }
    }
  }

  /** Looks for what is left of a residual in those quantiles of the calls that show it. */
  #lookBeyond(node: number, q: number, observed: Float64Array, left: Left): void {
    const [first, end] = this.#handedOn.range(node);
    const edges: number[] = [];
    for (let e = first; e < end; e++) {
      if (!(this.#layout.edges[e] as Layout['edges'][number]).aggregate) edges.push(e);
    }
    const kinds = edges.map((e) => {
      const { parent } = this.#layout.edges[e] as Layout['edges'][number];
      const weight = this.#weights[e] as number;
      const rise = (k: number) =>
        (observed[3 * parent + k] as number) - (this.#usual[3 * parent + k] as number);
      return { calls: this.#calls[e] as number, rises: BEYOND.map((_, k) => weight * rise(k)) };
    });
    for (const { index, quantile, part } of explainBySlowCalls(kinds, left)) {
      const e = edges[index] as number;
      this.#tailQuantile[3 * e + q] = quantile;
      this.#tail[3 * e + q] = part * (this.#weights[e] as number);
    }
  }

  #meeting(e: number, q: number, observed: Float64Array): number {
    const { aggregate, parent, child } = this.#layout.edges[e] as Layout['edges'][number];
    const most = observed[3 * child + q] as number;
    const like = observed[3 * parent + q] as number;
    const slowest = observed[3 * parent + 2] as number;
    if (!aggregate || like > most) return -1;
    return slowest > like ? Math.min(1, (most - like) / (slowest - like)) : 0;
  }

  /** How far the parent of an edge, as its child meets it, lies above its usual, ms, [column]. */
  #risen(e: number, q: number, from: Latencies): Float64Array {
    const { aggregate, parent, calls } = this.#layout.edges[e] as Layout['edges'][number];
    const { latencies, columns = 1 } = from;
    if (!aggregate) {
      const usual = this.#handedOn.passed(e, q, { latencies: this.#usual })[0] as number;
      const risen = this.#handedOn.passed(e, q, from);
      for (let i = 0; i < columns; i++) risen[i] = Math.max(0, (risen[i] as number) - usual);
      return risen;
    }
    const risen = new Float64Array(columns);
    const part = this.#met[3 * e + q] as number;
    if (part < 0) return risen;
    const [usual, usualTail] = [this.#usual[3 * parent + q] as number, this.#usual[3 * parent + 2] as number];
    const [at, tailAt] = [(3 * parent + q) * columns, (3 * parent + 2) * columns];
    for (let i = 0; i < columns; i++) {
      const rise = (latencies[at + i] as number) - usual;
      const tailRise = (latencies[tailAt + i] as number) - usualTail;
      risen[i] = calls * Math.max(0, rise + part * (tailRise - rise));
    }
    return risen;
  }
}

/** [edge]: the usual calls of a parent per occurrence of its child; of one that others make, too, up to one for each. */
function mostCalls({ edges }: Layout, counts: Float64Array): Float64Array {
  const children = new Map<number, number>();
  for (const { parent } of edges) children.set(parent, (children.get(parent) ?? 0) + 1);
  return Float64Array.from(edges, ({ parent, child, calls }) => {
    if ((children.get(parent) ?? 0) < 2 || (counts[child] as number) === 0) return calls;
    return Math.max(calls, Math.min(1, (counts[parent] as number) / (counts[child] as number)));
  });
}
