import { quantileOfSorted, robustScale } from '@sage/core';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';
import type { Scales } from './scales.js';

/** Observed − expected given observed parents, ms, [node][percentile]: what is normal for a residual. */
export interface Residuals {
  readonly center: Float64Array;
  readonly spread: Float64Array;
  /** [node][percentile][RESIDUAL_QUANTILES] from the least to the largest, evenly spaced in probability. */
  readonly quantiles: Float32Array;
}

export const RESIDUAL_QUANTILES = 21;

export function emptyResiduals(layout: Layout): Residuals {
  const size = 3 * layout.nodes.length;
  return {
    center: new Float64Array(size),
    spread: new Float64Array(size),
    quantiles: new Float32Array(size * RESIDUAL_QUANTILES),
  };
}

/** Rows enough to tell a spread and a distribution by. */
const MOST_ROWS = 1000;

/** Windows held out of the training take part too: a spread from memorised rows alone would be too small. */
export function calibrateResiduals(
  layout: Layout,
  scales: Scales,
  mechanism: Mechanism,
  rows: readonly Inputs[],
): Residuals {
  const { center, spread, quantiles } = emptyResiduals(layout);
  const size = center.length;
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
  residuals.forEach((values, i) => {
    const floor = Math.max(0.3, 0.05 * (scales.median[i] as number));
    const scale = values.length === 0 ? { center: 0, spread: floor } : robustScale(values, floor);
    center[i] = scale.center;
    spread[i] = scale.spread;
    if (values.length === 0) return;
    const sorted = new Float64Array(values).sort();
    for (let k = 0; k < RESIDUAL_QUANTILES; k++) {
      quantiles[i * RESIDUAL_QUANTILES + k] = quantileOfSorted(sorted, k / (RESIDUAL_QUANTILES - 1));
    }
  });
  return { center, spread, quantiles };
}

/** The residual of a node's percentile at a probability, 0..1: between the quantiles kept, linearly. */
export function residualAt({ quantiles }: Residuals, nodePercentile: number, probability: number): number {
  const place = probability * (RESIDUAL_QUANTILES - 1);
  const below = Math.min(RESIDUAL_QUANTILES - 2, Math.floor(place));
  const at = nodePercentile * RESIDUAL_QUANTILES + below;
  const low = quantiles[at] as number;
  return low + (place - below) * ((quantiles[at + 1] as number) - low);
}
