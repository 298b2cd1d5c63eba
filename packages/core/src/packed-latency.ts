import { Keys, PackedMap } from './packed-map.js';
import type { LatencyNodeId, LatencyStats, Window } from './window.js';

/** p50, p95, p99, and in the last count and mean. */
export const STATS_COLUMNS = 4;
const COUNT = 3;

/**
 * Columns that can hold statistics at some places. Count and mean share one: seven digits are enough of either, and a
 * thousand services remember tens of millions of them.
 */
export class StatsColumns {
  readonly values: Float64Array;
  /** The same, by halves. */
  readonly #halves: Float32Array;

  constructor(length: number) {
    this.values = new Float64Array(length);
    this.#halves = new Float32Array(this.values.buffer);
  }

  write(at: number, { p50Ms, p95Ms, p99Ms, count, meanMs }: LatencyStats): void {
    this.values[at] = p50Ms;
    this.values[at + 1] = p95Ms;
    this.values[at + 2] = p99Ms;
    this.#halves[2 * (at + COUNT)] = count;
    this.#halves[2 * (at + COUNT) + 1] = meanMs ?? Number.NaN;
  }

  /** What was written there. */
  read(at: number): LatencyStats {
    const p50Ms = this.values[at] as number;
    const p95Ms = this.values[at + 1] as number;
    const p99Ms = this.values[at + 2] as number;
    const count = this.#halves[2 * (at + COUNT)] as number;
    const meanMs = this.#halves[2 * (at + COUNT) + 1] as number;
    return Number.isNaN(meanMs) ? { p50Ms, p95Ms, p99Ms, count } : { p50Ms, p95Ms, p99Ms, meanMs, count };
  }
}

/** Packs latencies of windows that have most nodes in common. */
export class LatencyPacker {
  readonly #nodes = new Keys<LatencyNodeId>();

  pack(latency: Window['latency']): Window['latency'] {
    for (const node of latency.keys()) this.#nodes.add(node);
    const count = this.#nodes.size;
    const isSeen = new Uint8Array(count);
    const columns = new StatsColumns(STATS_COLUMNS * count);
    for (const [node, stats] of latency) {
      const row = this.#nodes.add(node);
      isSeen[row] = 1;
      columns.write(STATS_COLUMNS * row, stats);
    }
    return new PackedMap(this.#nodes, count, (row) =>
      isSeen[row] === 1 ? columns.read(STATS_COLUMNS * row) : undefined,
    );
  }
}
