import type { CaseResult } from '../scoring.js';
import { bootstrapInterval } from './bootstrap.js';

/** How a method fared in incidents, as the paper counts: shares of cases. */
export interface Shares {
  readonly cases: number;
  readonly accuracy: Share;
  readonly falseNegatives: Share;
  readonly falsePositives: Share;
}

export interface Share {
  readonly value: number;
  /** 95 %, by resampling the cases. */
  readonly interval: readonly [low: number, high: number];
}

/**
 * Over the cases in which an objective broke and somebody is to blame. Accurate: every culprit was blamed and nobody
 * else. False negative: a culprit was not blamed; false positive: somebody was blamed who is none. Undefined without
 * such cases.
 */
export function sharesOf(cases: readonly CaseResult[], seed: number): Shares | undefined {
  const incidents = cases.filter(({ truth }) => truth.length > 0);
  if (incidents.length === 0) return undefined;
  const missed = incidents.map((item) => (misses(item) ? 1 : 0));
  const wronged = incidents.map((item) => (wrongs(item) ? 1 : 0));
  const right = incidents.map((item) => (isAccurate(item) ? 1 : 0));
  return {
    cases: incidents.length,
    accuracy: shareOf(right, seed),
    falseNegatives: shareOf(missed, seed),
    falsePositives: shareOf(wronged, seed),
  };
}

/** Of the cases in which nobody is to blame, the share in which somebody was blamed; undefined without such cases. */
export function falseAlarms(cases: readonly CaseResult[], seed: number): Share | undefined {
  const calm = cases.filter(({ truth }) => truth.length === 0);
  return calm.length === 0
    ? undefined
    : shareOf(
        calm.map((item) => (wrongs(item) ? 1 : 0)),
        seed,
      );
}

/** Every culprit was blamed and nobody else. */
export function isAccurate(item: CaseResult): boolean {
  return !misses(item) && !wrongs(item);
}

function misses({ ranked, blamed, truth }: CaseResult): boolean {
  const named = ranked.slice(0, blamed);
  return truth.some(({ service }) => !named.some((entry) => entry.service === service));
}

function wrongs({ ranked, blamed, truth }: CaseResult): boolean {
  return ranked.slice(0, blamed).some((entry) => !truth.some(({ service }) => service === entry.service));
}

function shareOf(outcomes: readonly number[], seed: number): Share {
  return { value: mean(outcomes), interval: bootstrapInterval(outcomes, mean, seed) };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
