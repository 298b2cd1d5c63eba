import { quantile, type Verdict } from '@sage/core';
import type { Answer, Ranked, Training, Truth } from './observed.js';

/** A case with its answer and, read afterwards, the truth. */
export interface CaseResult {
  readonly id: string;
  readonly kind: string;
  readonly truth: readonly Truth[];
  readonly ranked: readonly Ranked[];
  /** How many of `ranked`, from the first, were blamed. */
  readonly blamed: number;
  readonly verdict: Verdict;
  readonly elapsedMs: number;
}

export interface Summary {
  readonly cases: number;
  /** Share of the cases with a culprit whose first answer is one; null without such cases. */
  readonly top1: number | null;
  readonly top3: number | null;
  readonly top5: number | null;
  /** …and with the right resource, over the cases whose resource is known. */
  readonly resourceTop1: number | null;
  /** Mean over cases with a culprit of the harmonic mean of precision and recall of the blamed. */
  readonly f1: number | null;
  /** Share of all cases in which somebody was blamed who is no culprit. */
  readonly falsePositiveRate: number | null;
  /** Share of the cases with a culprit in which one was not blamed. */
  readonly falseNegativeRate: number | null;
  /** Share of answers blamed with P ≥ 0.9 that are wrong; null where there was none. */
  readonly confidentWrongRate: number | null;
  /** Held-out R², mean of the trainings: see `Training`. */
  readonly r2: number | null;
  readonly foretoldR2: number | null;
  readonly trainSeconds: number;
  readonly p50DiagnoseMs: number | null;
  readonly p99DiagnoseMs: number | null;
}

const CONFIDENT = 0.9;

export function resultOf(
  found: { readonly id: string; readonly kind: string; readonly answer: Answer; readonly elapsedMs: number },
  truth: readonly Truth[],
): CaseResult {
  const { id, kind, elapsedMs } = found;
  const { verdict, blamed, ranked } = found.answer;
  return { id, kind, truth, ranked, blamed: verdict === 'culprits' ? blamed.length : 0, verdict, elapsedMs };
}

export function summarise(results: readonly CaseResult[], trainings: readonly Training[]): Summary {
  const guilty = results.filter(({ truth }) => truth.length > 0);
  const withResource = guilty.filter(({ truth }) => truth.every(({ resource }) => resource !== null));
  const elapsed = results.map(({ elapsedMs }) => elapsedMs);
  const confident = results.flatMap((result) =>
    blamedOf(result)
      .filter(({ probability }) => probability >= CONFIDENT)
      .map((entry) => ({ result, entry })),
  );
  return {
    cases: results.length,
    top1: share(guilty, (result) => hitWithin(result, 1)),
    top3: share(guilty, (result) => hitWithin(result, 3)),
    top5: share(guilty, (result) => hitWithin(result, 5)),
    resourceTop1: share(
      withResource,
      ({ truth, ranked: [first] }) => first !== undefined && isHit(first, truth),
    ),
    f1: mean(guilty.map(f1)),
    falsePositiveRate: share(results, (result) =>
      blamedOf(result).some((entry) => !isNamed(entry, result.truth)),
    ),
    falseNegativeRate: share(guilty, (result) =>
      result.truth.some(({ service }) => !blamedOf(result).some((entry) => entry.service === service)),
    ),
    confidentWrongRate: share(confident, ({ result, entry }) => !isNamed(entry, result.truth)),
    r2: mean(trainings.map(({ r2 }) => r2)),
    foretoldR2: mean(trainings.map(({ foretoldR2 }) => foretoldR2)),
    trainSeconds: trainings.reduce((sum, { seconds }) => sum + seconds, 0),
    p50DiagnoseMs: elapsed.length === 0 ? null : quantile(elapsed, 0.5),
    p99DiagnoseMs: elapsed.length === 0 ? null : quantile(elapsed, 0.99),
  };
}

function blamedOf({ ranked, blamed }: CaseResult): readonly Ranked[] {
  return ranked.slice(0, blamed);
}

function isNamed({ service }: Ranked, truth: readonly Truth[]): boolean {
  return truth.some((culprit) => culprit.service === service);
}

function isHit({ service, resource }: Ranked, truth: readonly Truth[]): boolean {
  return truth.some((culprit) => culprit.service === service && culprit.resource === resource);
}

function hitWithin({ ranked, truth }: CaseResult, k: number): boolean {
  return ranked.slice(0, k).some((entry) => isNamed(entry, truth));
}

function f1(result: CaseResult): number {
  const blamed = blamedOf(result);
  const hits = blamed.filter((entry) => isNamed(entry, result.truth)).length;
  return (2 * hits) / (blamed.length + result.truth.length);
}

function share<T>(items: readonly T[], holds: (item: T) => boolean): number | null {
  return items.length === 0 ? null : items.filter(holds).length / items.length;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
