import type { EvaluationResult } from './evaluate.js';
import type { Summary } from './scoring.js';

const COLUMNS: readonly (readonly [string, (summary: Summary) => string])[] = [
  ['cases', ({ cases }) => String(cases)],
  ['top-1', ({ top1 }) => ratio(top1)],
  ['top-3', ({ top3 }) => ratio(top3)],
  ['top-5', ({ top5 }) => ratio(top5)],
  ['resource', ({ resourceTop1 }) => ratio(resourceTop1)],
  ['F1', ({ f1 }) => ratio(f1)],
  ['FP', ({ falsePositiveRate }) => ratio(falsePositiveRate)],
  ['FN', ({ falseNegativeRate }) => ratio(falseNegativeRate)],
  ['sure, wrong', ({ confidentWrongRate }) => ratio(confidentWrongRate)],
  ['p50 ms', ({ p50DiagnoseMs }) => milliseconds(p50DiagnoseMs)],
  ['p99 ms', ({ p99DiagnoseMs }) => milliseconds(p99DiagnoseMs)],
];

/**
 * Results of one suite for people: a row per method, and below it one per kind of case where there are several.
 * `leftOut`: methods that could not be asked.
 */
export function table(results: readonly EvaluationResult[], leftOut: readonly string[] = []): string {
  const rows = results.flatMap(({ method, summary, kinds }) => {
    const apart = Object.entries(kinds);
    return [
      [method, ...COLUMNS.map(([, cell]) => cell(summary))],
      ...(apart.length < 2
        ? []
        : apart.map(([kind, part]) => [`  ${kind}`, ...COLUMNS.map(([, cell]) => cell(part))])),
    ];
  });
  const all = [['method', ...COLUMNS.map(([name]) => name)], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
  const [first] = results;
  const training =
    first === undefined
      ? []
      : [
          `suite ${first.suite}, seed ${first.seed}, backend ${first.backend}; held-out R² ${ratio(first.summary.r2)} (${ratio(first.summary.foretoldR2)} foretold), trained in ${first.summary.trainSeconds.toFixed(1)} s`,
          ...first.notes,
        ];
  const missing =
    leftOut.length === 0
      ? []
      : [`left out, for want of labelled runs with queue depths: ${leftOut.join(', ')}`];
  return [...training, ...lines, ...missing].map((line) => `${line.trimEnd()}\n`).join('');
}

function ratio(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

function milliseconds(value: number | null): string {
  return value === null ? '–' : value.toFixed(1);
}
