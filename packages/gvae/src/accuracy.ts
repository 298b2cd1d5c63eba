import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';

/**
 * Out-of-sample R²: 1 − Σ error² / Σ (observed − training median)² over windows that nothing was learnt from. Where they
 * are calm, most of what varies is that a percentile of few calls is a matter of luck.
 */
export interface Accuracy {
  /** service → over the nodes it owns, reconstructed. */
  readonly services: ReadonlyMap<string, number>;
  /** The same, foretold. */
  readonly foretoldServices: ReadonlyMap<string, number>;
  /**
   * Of reconstruction (paper). The encoder sees the latencies that are to be reconstructed: how much of them gets through
   * the latents and the chain of decoders. With a latent for each percentile that is nearly all of it; what is missing is
   * where a window is not of the shape that the equations have.
   */
  readonly overall: number;
  /** Of what metrics, load and the calls that a node waited for foretell, its own latency unseen. */
  readonly foretold: number;
}

/**
 * R² of log1p(ms) over seen entries. 0 is what guessing each node's usual latency would earn, so that knowing which node
 * is slow by nature earns nothing. 0 where nothing varied.
 */
export class AccuracyMeter {
  readonly #layout: Layout;
  /** [node]: Σ (log1p(observed) − log1p(usual))². */
  readonly #varied: Float64Array;
  readonly #rows: readonly Inputs[];

  /** `usual`: [node][percentile], ms. */
  constructor(layout: Layout, rows: readonly Inputs[], usual: Float64Array) {
    this.#layout = layout;
    this.#rows = rows;
    this.#varied = squaredErrors(
      layout,
      rows.map((row) => [row, usual]),
    );
  }

  /** `squared`: [node], Σ of squared errors of log1p(ms). `nodes`: those to judge by, all of them by default. */
  overall(squared: Float64Array, nodes: readonly number[] = this.#layout.nodes.map((_, v) => v)): number {
    const sum = (values: Float64Array) => nodes.reduce((all, v) => all + (values[v] as number), 0);
    const varied = sum(this.#varied);
    return varied > 1e-9 ? 1 - sum(squared) / varied : 0;
  }

  measure(mechanism: Mechanism): Accuracy {
    const reconstructed = squaredErrors(
      this.#layout,
      mechanism.decodeAll(this.#rows, 'posterior', 'decoded'),
    );
    const foretold = squaredErrors(this.#layout, mechanism.decodeAll(this.#rows, 'prior', 'observed'));
    return {
      services: this.#ofServices(reconstructed),
      foretoldServices: this.#ofServices(foretold),
      overall: this.overall(reconstructed),
      foretold: this.overall(foretold),
    };
  }

  /** Each over the nodes it owns. */
  #ofServices(squared: Float64Array): ReadonlyMap<string, number> {
    const owned = new Map<string, Set<number>>();
    for (const { service, nodes } of this.#layout.units) {
      const known = owned.get(service) ?? new Set<number>();
      owned.set(service, known);
      for (const v of nodes) known.add(v);
    }
    return new Map([...owned].map(([service, nodes]) => [service, this.overall(squared, [...nodes])]));
  }
}

function squaredErrors(layout: Layout, guesses: Iterable<readonly [Inputs, Float64Array]>): Float64Array {
  const squared = new Float64Array(layout.nodes.length);
  for (const [row, guessed] of guesses) {
    for (let v = 0; v < squared.length; v++) {
      if (row.seen[v] === 0) continue;
      for (let at = 3 * v; at < 3 * v + 3; at++) {
        const error = (row.target[at] as number) - Math.log1p(Math.max(0, guessed[at] as number));
        squared[v] = (squared[v] as number) + error * error;
      }
    }
  }
  return squared;
}
