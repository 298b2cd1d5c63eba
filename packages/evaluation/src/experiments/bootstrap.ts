import { createRng, quantile } from '@sage/core';

const RESAMPLES = 2000;
const TAIL = 0.025;

/** The 95 % percentile interval of a statistic, by resampling the values (Efron 1979). */
export function bootstrapInterval(
  values: readonly number[],
  statistic: (resample: readonly number[]) => number,
  seed: number,
): readonly [low: number, high: number] {
  const rng = createRng(seed).fork('bootstrap');
  const resampled = Array.from({ length: RESAMPLES }, () => statistic(values.map(() => rng.pick(values))));
  return [quantile(resampled, TAIL), quantile(resampled, 1 - TAIL)];
}
