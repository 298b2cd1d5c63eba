import { createRng } from '@sage/core';
import { type Backend, loadBackend } from '@sage/gvae';
import { rehearsalOf } from '@sage/root-cause';
import type { Calibrated, Method, Suite } from './observed.js';
import type { Progress } from './progress.js';
import { type CaseResult, resultOf, type Summary, summarise } from './scoring.js';

/** What `--json` writes for one method on one suite. */
export interface EvaluationResult {
  readonly suite: string;
  readonly method: string;
  readonly seed: number;
  readonly backend: Backend;
  readonly cases: readonly CaseResult[];
  readonly summary: Summary;
  /** The same figures apart for each kind of case. */
  readonly kinds: Readonly<Record<string, Summary>>;
  readonly notes: readonly string[];
}

export interface EvaluateOptions {
  readonly seed: number;
  readonly nowMs: () => number;
  readonly progress: Progress;
}

/** A method ready to be asked about a suite's cases; undefined where it needs labels or queue depths that the suite has not. */
export async function prepare(
  suite: Suite,
  method: Method | Calibrated,
  { seed, progress }: EvaluateOptions,
): Promise<Method | undefined> {
  if ('answer' in method) return method;
  await loadBackend();
  const rng = createRng(seed).fork(method.name);
  return method.prepare(await suite.calibration?.(), {
    rng,
    progress: (part, words) => progress(part, `${method.name}: ${words}`),
  });
}

/** Answers that are not timed: a server has rehearsed, too, when it is asked. */
const REHEARSALS = 8;

/**
 * Asks a method about every case of a suite, after some of calm times that count for nothing; the labels are read when it
 * has answered all.
 */
export async function evaluate(
  suite: Suite,
  method: Method,
  options: EvaluateOptions,
): Promise<EvaluationResult> {
  const backend = await loadBackend();
  rehearse(suite, method);
  const answered = suite.cases.map((item, index) => {
    const started = options.nowMs();
    const answer = method.answer(item.observed);
    const elapsedMs = options.nowMs() - started;
    options.progress(
      (index + 1) / suite.cases.length,
      `${method.name}: case ${index + 1} of ${suite.cases.length}`,
    );
    return { item, answer, elapsedMs };
  });
  const cases = answered.map(({ item: { id, kind, truth }, answer, elapsedMs }) =>
    resultOf({ id, kind, answer, elapsedMs }, truth()),
  );
  const kinds = [...new Set(cases.map(({ kind }) => kind))].sort();
  return {
    suite: suite.name,
    method: method.name,
    seed: options.seed,
    backend,
    cases,
    summary: summarise(cases, suite.trainings),
    kinds: Object.fromEntries(
      kinds.map((kind) => [
        kind,
        summarise(
          cases.filter((item) => item.kind === kind),
          suite.trainings,
        ),
      ]),
    ),
    notes: suite.notes,
  };
}

function rehearse({ cases }: Suite, method: Method): void {
  for (const { observed } of cases.slice(0, REHEARSALS)) {
    const question = rehearsalOf(observed.history, observed.objective);
    if (question !== undefined) method.answer({ ...observed, ...question });
  }
}
