import { BEYOND } from './slow-calls.js';

/** Runs that take about as long, and how large a share of all they are. */
export interface Runs {
  readonly ms: number;
  readonly share: number;
}

/** −ln of the share beyond: so much lies between neighbours… */
const STEP = 0.25;
/** …up to one run of a thousand. */
const STEPS = 28;

/** p50, p95 and p99 as −ln of the share beyond, and no time at all. */
const DEPTHS = [0, ...BEYOND.map((share) => -Math.log(share))];

/** Bends that are told apart. */
const [LEAST_BEND, MOST_BEND] = [0.1, 20];
const BISECTIONS = 14;

/**
 * Runs of which p50, p95 and p99 are known. Between two of those the latency grows with the power `bend` of −ln of the share
 * beyond: 1 is as of exponential tails. Up to the median, from half of it on, and beyond the last quantile it grows evenly.
 */
export function runsOf(quantiles: readonly number[], bend: number): readonly Runs[] {
  const known = [(quantiles[0] as number) / 2, ...quantiles];
  const latencyAt = (depth: number): number => {
    const above = DEPTHS.findIndex((other) => other >= depth);
    const upper = above < 0 ? DEPTHS.length - 1 : above;
    const [from, to] = [known[upper - 1] as number, known[upper] as number];
    const [low, high] = [DEPTHS[upper - 1] as number, DEPTHS[upper] as number];
    const part = (depth - low) / (high - low);
    return from + (to - from) * (upper > 1 && part < 1 ? part ** bend : part);
  };
  return Array.from({ length: STEPS }, (_, i) => {
    const beyond = i === STEPS - 1 ? 0 : Math.exp(-(i + 1) * STEP);
    return { ms: latencyAt((i + 0.5) * STEP), share: Math.exp(-i * STEP) - beyond };
  });
}

/**
 * The bend by which runs have the mean that they are known to have: where a few were held up for long, hardly any lies
 * between a median that is as usual and a p95 that is not; where nearly all were, most do.
 */
export function bendOf(quantiles: readonly number[], meanMs: number): number {
  let [low, high] = [Math.log(LEAST_BEND), Math.log(MOST_BEND)];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    const runs = runsOf(quantiles, Math.exp(middle));
    if (runs.reduce((sum, { ms, share }) => sum + share * ms, 0) > meanMs) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}
