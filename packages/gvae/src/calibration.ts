import { quantileOfSorted, robustScale, TAIL_PROBABILITY, upperSpread } from '@sage/core';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';
import { placesOf, RANKED_WINDOWS, UNRANKED } from './residual-ranks.js';
import type { Scales } from './scales.js';

/** Observed − expected given observed parents, ms, [node][percentile]: what is normal for a residual. */
export interface Residuals {
  readonly center: Float64Array;
  readonly spread: Float64Array;
  /** [node][percentile][RESIDUAL_QUANTILES] from the least to the largest, at RESIDUAL_PROBABILITIES. */
  readonly quantiles: Float32Array;
  /**
   * [node][percentile][RANKED_WINDOWS], 0..254: where the residual of a window lies among those of all that are kept,
   * evenly over time; UNRANKED where the node was not seen.
   */
  readonly ranks: Uint8Array;
  /** [node]: end of the newest window that it was measured on. Nodes that agree in it are ranked in the same windows. */
  readonly measuredMs: Float64Array;
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
const TAIL = RESIDUAL_PROBABILITIES.indexOf(TAIL_PROBABILITY);

export function emptyResiduals(layout: Layout): Residuals {
  const size = 3 * layout.nodes.length;
  return {
    center: new Float64Array(size),
    spread: new Float64Array(size),
    quantiles: new Float32Array(size * RESIDUAL_QUANTILES),
    ranks: new Uint8Array(size * RANKED_WINDOWS).fill(UNRANKED),
    measuredMs: new Float64Array(layout.nodes.length).fill(Number.NEGATIVE_INFINITY),
  };
}

/** Rows enough to tell a spread and a distribution by. */
const MOST_ROWS = 1000;

/**
 * Windows held out of the training take part too: a spread from memorised rows alone would be too small. `measuredMs`: the
 * end of the newest of them.
 */
export function calibrateResiduals(
  layout: Layout,
  scales: Scales,
  mechanism: Mechanism,
  { rows, measuredMs }: { readonly rows: readonly Inputs[]; readonly measuredMs: number },
): Residuals {
  const measured = emptyResiduals(layout);
  const { center, spread, quantiles } = measured;
  const picked = evenly(rows, Math.min(rows.length, MOST_ROWS));
  const residuals = residualsOf(mechanism, picked, center.length);
  residuals.forEach((ofRows, i) => {
    const values = ofRows.filter((ms) => !Number.isNaN(ms));
    const floor = Math.max(0.3, 0.05 * (scales.median[i] as number));
    const scale = values.length === 0 ? { center: 0, spread: floor } : robustScale(values, floor);
    center[i] = scale.center;
    spread[i] = scale.spread;
    if (values.length === 0) return;
    measured.ranks.set(placesOf(evenly(ofRows, RANKED_WINDOWS)), i * RANKED_WINDOWS);
    const sorted = new Float64Array(values).sort();
    RESIDUAL_PROBABILITIES.forEach((probability, k) => {
      quantiles[i * RESIDUAL_QUANTILES + k] = quantileOfSorted(sorted, probability);
    });
  });
  measured.measuredMs.fill(measuredMs);
  return measured;
}

/** [node][percentile][row], ms; NaN where a node was not seen. */
function residualsOf(mechanism: Mechanism, rows: readonly Inputs[], size: number): readonly number[][] {
  const residuals: number[][] = Array.from({ length: size }, () => []);
  for (const [{ seen, observed }, expected] of mechanism.decodeAll(rows, 'prior', 'observed')) {
    for (let i = 0; i < size; i++) {
      const ms = (observed[i] as number) - (expected[i] as number);
      residuals[i]?.push(seen[Math.floor(i / 3)] === 0 ? Number.NaN : ms);
    }
  }
  return residuals;
}

/** So many of them, evenly spread; several times where there are fewer. */
function evenly<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T);
}

/** How far above its centre a residual of a node's percentile lies in ordinary windows, ms: see `upperSpread`. */
export function spreadAbove({ center, spread, quantiles }: Residuals, nodePercentile: number): number {
  const scale = { center: center[nodePercentile] as number, spread: spread[nodePercentile] as number };
  return upperSpread(scale, quantiles[nodePercentile * RESIDUAL_QUANTILES + TAIL] as number);
}

/**
 * The residuals of a node's percentile at probabilities, 0..1 and ascending, ms: between the quantiles kept, linearly.
 */
export function residualsAt(
  { quantiles }: Pick<Residuals, 'quantiles'>,
  nodePercentile: number,
  probabilities: Float64Array,
): Float64Array {
  const residuals = new Float64Array(probabilities.length);
  let above = 1;
  for (let i = 0; i < residuals.length; i++) {
    const probability = probabilities[i] as number;
    while (probability > (RESIDUAL_PROBABILITIES[above] as number)) above++;
    const least = RESIDUAL_PROBABILITIES[above - 1] as number;
    const most = RESIDUAL_PROBABILITIES[above] as number;
    const at = nodePercentile * RESIDUAL_QUANTILES + above;
    const low = quantiles[at - 1] as number;
    residuals[i] = low + ((probability - least) / (most - least)) * ((quantiles[at] as number) - low);
  }
  return residuals;
}
