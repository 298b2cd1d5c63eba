import type { Layout } from './layout.js';

/**
 * Total effect of each node's own time on every node downstream: with f = self + C f, f = (I − C)⁻¹ self. Returns the
 * transpose of that inverse, [3 nodes, 3 nodes] row-major, for row vectors from the left. Exact, since the graph has no
 * cycle; follows the edges once per node instead of inverting.
 */
export function totalEffects(layout: Layout, weights: Float64Array): Float32Array {
  const size = 3 * layout.nodes.length;
  const effects = new Float64Array(size * size);
  for (let i = 0; i < size; i++) effects[i * size + i] = 1;
  layout.edges.forEach((edge, e) => {
    const weight = weights[e] as number;
    for (let q = 0; q < 3; q++) {
      for (let k = 0; k < 3; k++) {
        const factor = weight * (edge.mix[3 * q + k] as number);
        if (factor === 0) continue;
        const from = 3 * edge.parent + k;
        const to = 3 * edge.child + q;
        // Parents come first and edges are sorted by child: the parent's column is complete.
        for (let i = 0; i <= from; i++) {
          effects[i * size + to] =
            (effects[i * size + to] as number) + factor * (effects[i * size + from] as number);
        }
      }
    }
  });
  return Float32Array.from(effects);
}

/** What an edge's parent hands on before weighting, per percentile: the three quantiles mixed by call rate, ms. */
export function edgeQuantile(layout: Layout, e: number, q: number, latencies: Float64Array): number {
  const edge = layout.edges[e];
  if (edge === undefined) return 0;
  const { mix, parent } = edge;
  const at = 3 * parent;
  const row = 3 * q;
  return (
    (mix[row] as number) * (latencies[at] as number) +
    (mix[row + 1] as number) * (latencies[at + 1] as number) +
    (mix[row + 2] as number) * (latencies[at + 2] as number)
  );
}
