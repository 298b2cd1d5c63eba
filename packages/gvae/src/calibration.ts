import { robustScale } from '@sage/core';
import type { Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';
import type { Inputs, Scales } from './scales.js';

/** Observed − expected of each node and percentile on training windows, ms: what is normal for a residual. */
export interface Residuals {
  readonly center: Float64Array;
  readonly spread: Float64Array;
}

/** Windows held out of the training take part too: a spread from memorised rows alone would be too small. */
export function calibrateResiduals(
  layout: Layout,
  scales: Scales,
  mechanism: Mechanism,
  rows: readonly Inputs[],
): Residuals {
  const size = 3 * layout.nodes.length;
  const residuals: number[][] = Array.from({ length: size }, () => []);
  for (const inputs of rows) {
    const expected = mechanism.decode(inputs, 'prior', 'observed');
    for (let i = 0; i < size; i++) {
      if (inputs.seen[Math.floor(i / 3)] === 0) continue;
      residuals[i]?.push((inputs.observed[i] as number) - (expected[i] as number));
    }
  }
  const center = new Float64Array(size);
  const spread = new Float64Array(size);
  residuals.forEach((values, i) => {
    const floor = Math.max(0.3, 0.05 * (scales.median[i] as number));
    const scale = values.length === 0 ? { center: 0, spread: floor } : robustScale(values, floor);
    center[i] = scale.center;
    spread[i] = scale.spread;
  });
  return { center, spread };
}

export interface Accuracy {
  readonly services: ReadonlyMap<string, number>;
  readonly overall: number;
}

/**
 * Out-of-sample R² of log1p(ms) on rows that were held out, decoded along the chain with Z from the encoder: 1 − Σ
 * error² / Σ (observed − training median)². So 0 is what guessing each node's usual latency would earn, and knowing
 * which node is slow by nature earns nothing. 0 where nothing varied.
 */
export function measureAccuracy(
  layout: Layout,
  mechanism: Mechanism,
  { rows, usual }: { readonly rows: readonly Inputs[]; readonly usual: Float64Array },
): Accuracy {
  const size = 3 * layout.nodes.length;
  const error = new Float64Array(size);
  const total = new Float64Array(size);
  const decoded = rows.map((inputs) => mechanism.decode(inputs, 'posterior', 'decoded'));
  for (let i = 0; i < size; i++) {
    const seen = rows.flatMap((inputs, row) => (inputs.seen[Math.floor(i / 3)] ? [row] : []));
    const targets = seen.map((row) => Math.log1p(Math.max(0, rows[row]?.observed[i] as number)));
    const guess = Math.log1p(usual[i] as number);
    targets.forEach((target, at) => {
      const predicted = Math.log1p(decoded[seen[at] as number]?.[i] as number);
      error[i] = (error[i] as number) + (target - predicted) ** 2;
      total[i] = (total[i] as number) + (target - guess) ** 2;
    });
  }
  const score = (nodes: readonly number[]) => {
    const sum = (values: Float64Array) =>
      nodes.reduce((all, v) => all + [0, 1, 2].reduce((s, q) => s + (values[3 * v + q] as number), 0), 0);
    const varied = sum(total);
    return varied > 1e-9 ? 1 - sum(error) / varied : 0;
  };
  const services = new Map(
    layout.services.flatMap((service, s) => {
      const owned = layout.owned[s] ?? [];
      return owned.length === 0 ? [] : [[service, score(owned)] as const];
    }),
  );
  return { services, overall: score(layout.nodes.map((_, v) => v)) };
}
