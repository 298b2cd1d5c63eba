import { Keys, PackedMap } from './packed-map.js';
import type { LatencyNodeId, LatencyStats, Window } from './window.js';

/** p50, p95, p99, the count and the mean. */
export const STATS_COLUMNS = 5;

/** Writes statistics at a place of a column: p50, p95, p99 (ms), count, mean (ms; NaN where there is none). */
export function writeStats(
  values: Float64Array,
  at: number,
  { p50Ms, p95Ms, p99Ms, count, meanMs }: LatencyStats,
): void {
  values[at] = p50Ms;
  values[at + 1] = p95Ms;
  values[at + 2] = p99Ms;
  values[at + 3] = count;
  values[at + 4] = meanMs ?? Number.NaN;
}

/** What `writeStats` wrote there. */
export function readStats(values: Float64Array, at: number): LatencyStats {
  const stats = {
    p50Ms: values[at] as number,
    p95Ms: values[at + 1] as number,
    p99Ms: values[at + 2] as number,
    count: values[at + 3] as number,
  };
  const meanMs = values[at + 4] as number;
  return Number.isNaN(meanMs) ? stats : { ...stats, meanMs };
}

/** Packs latencies of windows that have most nodes in common. */
export class LatencyPacker {
  readonly #nodes = new Keys<LatencyNodeId>();

  pack(latency: Window['latency']): Window['latency'] {
    for (const node of latency.keys()) this.#nodes.add(node);
    const count = this.#nodes.size;
    const isSeen = new Uint8Array(count);
    const values = new Float64Array(STATS_COLUMNS * count);
    for (const [node, stats] of latency) {
      const row = this.#nodes.add(node);
      isSeen[row] = 1;
      writeStats(values, STATS_COLUMNS * row, stats);
    }
    return new PackedMap(this.#nodes, count, (row) =>
      isSeen[row] === 1 ? readStats(values, STATS_COLUMNS * row) : undefined,
    );
  }
}
