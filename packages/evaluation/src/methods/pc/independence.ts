import { quantile } from '@sage/core';
import jStat from 'jstat';

/** A variable in a few levels, 0 … levels − 1, one value for each row. */
export interface Discrete {
  readonly values: Uint8Array;
  readonly levels: number;
}

/** Fewer rows than so many for each degree of freedom say nothing (Spirtes, Glymour and Scheines 2000, section 5.5). */
const ROWS_PER_DEGREE = 10;

/** Into bins of equally many values; equal values stay together, so there may be fewer levels than bins. */
export function discretise(values: Float64Array, bins: number): Discrete {
  const edges = Array.from({ length: bins - 1 }, (_, i) => quantile(values, (i + 1) / bins));
  const raw = Array.from(values, (value) => edges.filter((edge) => value > edge).length);
  const used = [...new Set(raw)].sort((a, b) => a - b);
  return { values: Uint8Array.from(raw, (level) => used.indexOf(level)), levels: used.length };
}

/**
 * Whether two variables are independent given others, by G² = 2 Σ n(xyz) ln(n(xyz) n(z) / (n(xz) n(yz))), which is 2N times
 * their conditional mutual information, against χ² at level α (Spirtes, Glymour and Scheines 2000, section 5.5). Undefined
 * where there are too few rows to tell.
 */
export function independent(
  x: Discrete,
  y: Discrete,
  given: readonly Discrete[],
  alpha: number,
): boolean | undefined {
  const strata = given.reduce((product, { levels }) => product * levels, 1);
  const degrees = (x.levels - 1) * (y.levels - 1) * strata;
  if (degrees === 0) return true;
  if (x.values.length < ROWS_PER_DEGREE * degrees) return undefined;
  return gSquared(x, y, given, strata) <= criticalValue(alpha, degrees);
}

function gSquared(x: Discrete, y: Discrete, given: readonly Discrete[], strata: number): number {
  const xyz = new Float64Array(strata * x.levels * y.levels);
  const xz = new Float64Array(strata * x.levels);
  const yz = new Float64Array(strata * y.levels);
  const z = new Float64Array(strata);
  for (let row = 0; row < x.values.length; row++) {
    let stratum = 0;
    for (const { values, levels } of given) stratum = stratum * levels + (values[row] as number);
    const atXz = stratum * x.levels + (x.values[row] as number);
    const atYz = stratum * y.levels + (y.values[row] as number);
    const atXyz = atXz * y.levels + (y.values[row] as number);
    xyz[atXyz] = (xyz[atXyz] as number) + 1;
    xz[atXz] = (xz[atXz] as number) + 1;
    yz[atYz] = (yz[atYz] as number) + 1;
    z[stratum] = (z[stratum] as number) + 1;
  }
  let sum = 0;
  xyz.forEach((count, at) => {
    if (count === 0) return;
    const atXz = Math.floor(at / y.levels);
    const stratum = Math.floor(atXz / x.levels);
    const atYz = stratum * y.levels + (at % y.levels);
    sum += count * Math.log((count * (z[stratum] as number)) / ((xz[atXz] as number) * (yz[atYz] as number)));
  });
  return 2 * sum;
}

const criticalValues = new Map<string, number>();

function criticalValue(alpha: number, degrees: number): number {
  const key = `${alpha} ${degrees}`;
  const known = criticalValues.get(key);
  if (known !== undefined) return known;
  const value = jStat.chisquare.inv(1 - alpha, degrees);
  criticalValues.set(key, value);
  return value;
}
