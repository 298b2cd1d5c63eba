import type { MeanDelay } from '@sage/causal-graph';
import { LATENCY_ACCURACY } from '@sage/core';
import { bendOf, type Runs, runsOf } from './run-times.js';
import { BEYOND } from './slow-calls.js';
import { Stalls } from './stalls.js';

/** What is known of a node in a window. */
export interface DelayFacts {
  readonly mean: MeanDelay;
  /** p50, p95 and p99 of what it was handed and its usual own time, ms… */
  readonly base: readonly number[];
  /** …and of what it took. */
  readonly took: readonly number[];
  /** Runs seen. */
  readonly count: number;
}

/** One of the ways in which a delay may be spread over runs. */
export interface Spread {
  /** p50, p95 and p99 of what the node takes then, ms. */
  readonly took: readonly number[];
  /** Its probability. */
  readonly weight: number;
}

/** From stalls in one run of a hundred to so many that all runs are held up about alike, each twice as many as before. */
const STALLS = Array.from({ length: 13 }, (_, i) => new Stalls(2 ** (i - 7)));
/** What is less likely than the likeliest by this factor is left out. */
const UNLIKELY = 0.01;
/** Of runs: what nothing was expected of may have been half a run of those seen. */
const HALF_A_RUN = 0.5;
/** Two numbers read off sketches differ by this part and tell nothing. */
const READING = Math.SQRT2 * LATENCY_ACCURACY;
/**
 * How far expected shares are off, as a part of one half, since how runs lie between known quantiles is a guess: by a relative
 * entropy of 2 · 0.05², which so many runs could not tell from chance. More runs tell no more than those: the likelihood is
 * taken to the power α / (α + n) (Miller and Dunson 2019, Robust Bayesian Inference via Coarsening).
 */
const TELLING_RUNS = 1 / (2 * 0.05 ** 2);
const BISECTIONS = 14;

/**
 * How much longer than usual a node takes by itself, where that hides behind what it is handed: the quantiles of a sum of two
 * tails are about those of the longer one, and only the mean tells both. Whether many runs were held up for a little or few
 * for long is told, as far as anything tells it, by the quantiles: of runs held up independently of what they were handed so
 * many lie between those that were observed, π, and so many did, o. That is a multinomial likelihood, n Σ o ln π, of the
 * number of stalls per run, of which any was as likely in logarithms before.
 */
export class OwnDelay {
  readonly #delayMs: number;
  readonly #bend: number;
  readonly #likely: readonly { readonly stalls: Stalls; readonly weight: number }[];

  constructor({ mean: { delayMs, restMs }, base, took, count }: DelayFacts) {
    this.#delayMs = delayMs;
    this.#bend = bendOf(base, restMs);
    const runs = runsOf(base, this.#bend);
    const logs = STALLS.map((stalls) => this.#logLikelihood(stalls, runs, { took, count }));
    const most = Math.max(...logs);
    const likely = STALLS.map((stalls, i) => ({ stalls, weight: Math.exp((logs[i] as number) - most) }));
    const left = likely.filter(({ weight }) => weight >= UNLIKELY);
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    this.#likely = left.map(({ stalls, weight }) => ({ stalls, weight: weight / total }));
  }

  /** What the node takes where it is handed something else, its usual own time in `base`. */
  take(base: readonly number[]): readonly Spread[] {
    const runs = runsOf(base, this.#bend);
    return this.#likely.map(({ stalls, weight }) => ({
      took: BEYOND.map((share) => this.#quantile(share, stalls, runs)),
      weight,
    }));
  }

  #logLikelihood(
    stalls: Stalls,
    runs: readonly Runs[],
    { took, count }: Pick<DelayFacts, 'took' | 'count'>,
  ): number {
    const expected = took.map((ms, q) => {
      const least = this.#beyond(ms * (1 + READING), stalls, runs);
      const most = this.#beyond(ms * (1 - READING), stalls, runs);
      return Math.min(Math.max(BEYOND[q] as number, least), most);
    });
    const observed = sharesBetween(BEYOND);
    const telling = (TELLING_RUNS * count) / (TELLING_RUNS + count);
    const log = (share: number): number => Math.log(Math.max(share, HALF_A_RUN / count));
    return sharesBetween(expected).reduce(
      (sum, share, i) => sum + telling * (observed[i] as number) * log(share),
      0,
    );
  }

  /** Share of runs that take longer, the delay with them. */
  #beyond(ms: number, stalls: Stalls, runs: readonly Runs[]): number {
    const stallMs = this.#delayMs / stalls.perRun;
    let sum = 0;
    for (const run of runs) sum += run.share * stalls.beyond((ms - run.ms) / stallMs);
    return sum;
  }

  /** What a share of runs takes longer than, ms. */
  #quantile(share: number, stalls: Stalls, runs: readonly Runs[]): number {
    let low = 0;
    let high = (runs.at(-1)?.ms ?? 0) + (stalls.most * this.#delayMs) / stalls.perRun;
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (low + high) / 2;
      if (this.#beyond(middle, stalls, runs) > share) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  }
}

/** Of shares beyond ever longer latencies what lies between two, before the first and after the last. */
function sharesBetween(beyond: readonly number[]): readonly number[] {
  return [1, ...beyond].map((share, i) => Math.max(0, share - (beyond[i] ?? 0)));
}
