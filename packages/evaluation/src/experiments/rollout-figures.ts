import { median } from '@sage/core';
import type { Attempt, RolloutResult } from './rollout-chain.js';
import { POLICIES, type Policy } from './rollout-policies.js';
import { falseAlarms, type Share, type Shares, sharesOf } from './shares.js';

/** All roll-outs together: how a policy fared with so many windows since each. */
export interface Pooled {
  readonly policy: Policy;
  readonly windows: number;
  readonly shares: Shares;
  readonly alarms: Share | undefined;
  /** Of the roll-outs after which there was a model; undefined without one. */
  readonly medianR2: number | undefined;
}

/** By number of windows, then policy; without those in which no objective broke. */
export function pooledOf(rollouts: readonly RolloutResult[], seed: number): Pooled[] {
  const attempts = rollouts.flatMap((rollout) => rollout.attempts);
  const counts = [...new Set(attempts.map(({ windows }) => windows))].sort((a, b) => a - b);
  return counts.flatMap((windows) =>
    POLICIES.flatMap((policy): Pooled[] => {
      const own = attempts.filter((attempt) => attempt.policy === policy && attempt.windows === windows);
      const cases = own.flatMap((attempt) => attempt.cases);
      const r2s = own.flatMap(({ r2 }) => (r2 === null ? [] : [r2]));
      const shares = sharesOf(cases, seed);
      if (shares === undefined) return [];
      const medianR2 = r2s.length === 0 ? undefined : median(r2s);
      return [{ policy, windows, shares, alarms: falseAlarms(cases, seed), medianR2 }];
    }),
  );
}

/** What the training of every policy took with the same windows of the same version. */
export interface Trainings {
  readonly letter: string;
  readonly windows: number;
  readonly seconds: Readonly<Record<Policy, number>>;
}

/** Where each of the policies learnt; where one had nothing to learn, or no windows for it, there is nothing to compare. */
export function trainingsOf(rollouts: readonly RolloutResult[]): Trainings[] {
  return rollouts.flatMap(({ letter, attempts }) =>
    [...new Set(attempts.map(({ windows }) => windows))].flatMap((windows): Trainings[] => {
      const own = attempts.filter((attempt) => attempt.windows === windows && attempt.learnt);
      if (own.length < POLICIES.length) return [];
      const seconds = Object.fromEntries(own.map((attempt) => [attempt.policy, attempt.seconds]));
      return [{ letter, windows, seconds: seconds as Record<Policy, number> }];
    }),
  );
}

/** How many times as long as learning again what changed another policy takes. */
export function timesAsLong({ seconds }: Trainings, policy: Policy): number {
  return seconds[policy] / seconds['partial + incremental'];
}

/** R² that is as good: two that differ by less are told apart by nothing but the noise of what was asked. */
const AS_GOOD = 0.02;

/**
 * Seconds from a roll-out, trainings included, until a policy has a model that gives latency back as closely as the one that
 * learnt in part and incrementally does in the end. Trainings with equally many windows compare what they cost; this, what
 * they cost for what they are good for. Undefined where the policy has none with the windows measured.
 */
export function asGoodAfter(
  attempts: readonly Attempt[],
  policy: Policy,
  windowSeconds: number,
): number | undefined {
  const inOrder = [...attempts].sort((a, b) => a.windows - b.windows);
  const wanted = inOrder.findLast((attempt) => attempt.policy === 'partial + incremental')?.r2;
  if (wanted === undefined || wanted === null) return undefined;
  const first = inOrder.find(
    ({ policy: own, r2 }) => own === policy && r2 !== null && r2 >= wanted - AS_GOOD,
  );
  return first && first.windows * windowSeconds + first.seconds;
}

/**
 * Accuracy over the time in which the windows of a version come in, training included: at the end of each window the
 * newest model that is ready answers, and nobody is right before there is one. Undefined where no objective broke.
 */
export function accuracyOverTime(
  attempts: readonly Attempt[],
  policy: Policy,
  windowSeconds: number,
): number | undefined {
  const models = attempts
    .filter((attempt) => attempt.policy === policy)
    .sort((a, b) => a.windows - b.windows)
    .map(({ windows, seconds, cases }) => ({
      readyAt: windows + seconds / windowSeconds,
      accuracy: sharesOf(cases, 0)?.accuracy.value,
    }));
  const whole = Math.max(...attempts.map(({ windows }) => windows));
  let sum = 0;
  for (let at = 1; at <= whole; at++) {
    const newest = models.findLast(({ readyAt }) => readyAt <= at);
    if (newest === undefined) continue;
    if (newest.accuracy === undefined) return undefined;
    sum += newest.accuracy;
  }
  return sum / whole;
}
