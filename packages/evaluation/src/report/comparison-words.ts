import { milliseconds } from '@sage/core';
import { type Comparison, isAsGood, isWorse } from './section.js';

/** Ours beside the paper's, as cells: what, ours, the paper's, and who is better. */
export const COMPARISON_COLUMNS = ['', 'Sage here', 'the paper', ''] as const;

export function comparisonCells(comparison: Comparison): readonly string[] {
  const { what, paperWords, caveat } = comparison;
  return [what, oursWords(comparison), paperWords, `${verdictOf(comparison)}${caveat ? ` (${caveat})` : ''}`];
}

export function verdictOf(
  comparison: Comparison,
): 'worse' | 'as good or better' | 'behind, but within chance' {
  if (isWorse(comparison)) return 'worse';
  return isAsGood(comparison) ? 'as good or better' : 'behind, but within chance';
}

function oursWords({ ours, interval, unit }: Comparison): string {
  const words = {
    share: () => percent(ours),
    ratio: () => `${ours.toFixed(2)} times`,
    ms: () => milliseconds(ours),
    'R²': () => ours.toFixed(2),
  }[unit]();
  return interval === undefined
    ? words
    : `${words} (${interval.map((end) => (100 * end).toFixed(0)).join('–')})`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}
