import { type Rng, shuffled } from '@sage/core';
import { type Residuals, residualsAt } from './calibration.js';
import type { Layout } from './layout.js';
import { RANKED_WINDOWS, UNRANKED } from './residual-ranks.js';

/** Places among windows that are told apart. */
const PLACES = 2 ** 32;

/**
 * Draws residuals for all worlds at once. Each world has a window of those that residuals were measured on, the same for all
 * nodes, and what is drawn for a percentile of a node is ordered as it was in these windows: the Schaake shuffle (Clark et
 * al. 2004). Of each, one is drawn from every equally likely part of its distribution. So each has the distribution
 * that it was measured to have, and nodes are slow together in as many worlds as they were in windows: of ten calls side by
 * side the longest is neither what ten windows had at worst, nor does one make up in a chain for what another takes.
 */
export class ResidualDraws {
  readonly #layout: Layout;
  readonly #residuals: Residuals;
  readonly #worlds: number;
  readonly #rng: Rng;
  /** `Residuals.measuredMs` → the window of each world. */
  readonly #windows = new Map<number, Int32Array>();

  constructor(
    { layout, residuals }: { readonly layout: Layout; readonly residuals: Residuals },
    { worlds, rng }: { readonly worlds: number; readonly rng: Rng },
  ) {
    this.#layout = layout;
    this.#residuals = residuals;
    this.#worlds = worlds;
    this.#rng = rng;
  }

  /** Of a node, ms, [percentile][world]. */
  of(node: number): Float64Array {
    const worlds = this.#worlds;
    const rng = this.#rng.fork(`noise|${this.#layout.nodes[node]}`);
    // Settles what windows do not tell: whole ranks where the node was not seen, and what lies between two ranks.
    const chance = new Float64Array(worlds);
    for (let i = 0; i < worlds; i++) chance[i] = rng.uniform();
    const draws = new Float64Array(3 * worlds);
    const parts = new Float64Array(worlds);
    for (let q = 0; q < 3; q++) {
      const order = this.#ranked(3 * node + q, chance);
      for (let rank = 0; rank < worlds; rank++) {
        parts[rank] = (rank + (chance[order[rank] as number] as number)) / worlds;
      }
      const residuals = residualsAt(this.#residuals, 3 * node + q, parts);
      for (let rank = 0; rank < worlds; rank++) {
        draws[q * worlds + (order[rank] as number)] = residuals[rank] as number;
      }
    }
    return draws;
  }

  /** Worlds by how a percentile of a node fared in the window of each, the least residual first. */
  #ranked(nodePercentile: number, chance: Float64Array): Int32Array {
    const worlds = this.#worlds;
    const { ranks, measuredMs } = this.#residuals;
    const windows = this.#windowsOf(measuredMs[Math.floor(nodePercentile / 3)] as number);
    const keys = new Float64Array(worlds);
    for (let world = 0; world < worlds; world++) {
      const rank = ranks[nodePercentile * RANKED_WINDOWS + (windows[world] as number)] as number;
      const free = chance[world] as number;
      const place = rank === UNRANKED ? free : (rank + free) / UNRANKED;
      // Numbers are sorted many times as fast as worlds by number.
      keys[world] = Math.floor(place * PLACES) * worlds + world;
    }
    keys.sort();
    const order = new Int32Array(worlds);
    for (let i = 0; i < worlds; i++) {
      const key = keys[i] as number;
      order[i] = key - Math.floor(key / worlds) * worlds;
    }
    return order;
  }

  /** In random order, each as often as any other, or once more. */
  #windowsOf(measuredMs: number): Int32Array {
    let windows = this.#windows.get(measuredMs);
    if (windows === undefined) {
      const inTime = Array.from({ length: RANKED_WINDOWS }, (_, i) => i);
      const order = shuffled(inTime, this.#rng.fork(`windows|${measuredMs}`));
      windows = Int32Array.from(
        { length: this.#worlds },
        (_, world) => order[world % RANKED_WINDOWS] as number,
      );
      this.#windows.set(measuredMs, windows);
    }
    return windows;
  }
}
