import { quantileOfSorted, robustScale } from '@sage/core';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';
import type { Scales } from './scales.js';

/** Observed − expected given observed parents, ms, [node][percentile]: what is normal for a residual. */
export interface Residuals {
  readonly center: Float64Array;
  readonly spread: Float64Array;
  /** [node][percentile][RESIDUAL_QUANTILES] from the least to the largest, at RESIDUAL_PROBABILITIES. */
  readonly quantiles: Float32Array;
}

/**
 * Where the distribution of a residual is kept. Close together at both ends: between two of them it is taken for even, and
 * one disturbed window among hundreds would otherwise be drawn as often as one in twenty.
 */
export const RESIDUAL_PROBABILITIES: readonly number[] = [
  0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995,
  0.998, 1,
];
export const RESIDUAL_QUANTILES = RESIDUAL_PROBABILITIES.length;

/** Rows enough to tell a spread and a distribution by. */
const MOST_ROWS = 1000;

/** Windows held out of the training take part too: a spread from memorised rows alone would be too small. */
export function calibrateResiduals(
  layout: Layout,
  scales: Scales,
  mechanism: Mechanism,
  rows: readonly Inputs[],
): Residuals {
  const size = 3 * layout.nodes.length;
  const residuals: number[][] = Array.from({ length: size }, () => []);
  const step = Math.max(1, rows.length / MOST_ROWS);
  const picked: Inputs[] = [];
  for (let at = 0; at < rows.length; at += step) picked.push(rows[Math.floor(at)] as Inputs);
  for (const [inputs, expected] of mechanism.decodeAll(picked, 'prior', 'observed')) {
    for (let i = 0; i < size; i++) {
      if (inputs.seen[Math.floor(i / 3)] === 0) continue;
      residuals[i]?.push((inputs.observed[i] as number) - (expected[i] as number));
    }
  }
  const center = new Float64Array(size);
  const spread = new Float64Array(size);
  const quantiles = new Float32Array(size * RESIDUAL_QUANTILES);
  residuals.forEach((values, i) => {
    const floor = Math.max(0.3, 0.05 * (scales.median[i] as number));
    const scale = values.length === 0 ? { center: 0, spread: floor } : robustScale(values, floor);
    center[i] = scale.center;
    spread[i] = scale.spread;
    if (values.length === 0) return;
    const sorted = new Float64Array(values).sort();
    RESIDUAL_PROBABILITIES.forEach((probability, k) => {
      quantiles[i * RESIDUAL_QUANTILES + k] = quantileOfSorted(sorted, probability);
    });
  });
  return { center, spread, quantiles };
}

/** The residual of a node's percentile at a probability, 0..1: between the quantiles kept, linearly. */
export function residualAt({ quantiles }: Residuals, nodePercentile: number, probability: number): number {
  const above = RESIDUAL_PROBABILITIES.findIndex((known, k) => k > 0 && probability <= known);
  const least = RESIDUAL_PROBABILITIES[above - 1] as number;
  const most = RESIDUAL_PROBABILITIES[above] as number;
  const at = nodePercentile * RESIDUAL_QUANTILES + above;
  const low = quantiles[at - 1] as number;
  return low + ((probability - least) / (most - least)) * ((quantiles[at] as number) - low);
}
