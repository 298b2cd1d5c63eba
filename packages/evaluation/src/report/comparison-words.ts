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
  if (unit === 'change') return changeWords(ours, interval);
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

/** `+2.6 % (−0.4 to +5.1)`: a change, and where it may lie. */
export function changeWords(value: number, interval: Comparison['interval']): string {
  const words = `${signedPercent(value)} %`;
  return interval === undefined ? words : `${words} (${interval.map(signedPercent).join(' to ')})`;
}

/** `−1.2 points (−3.4 to +0.9)`: a difference of shares, and where it may lie. */
export function pointsWords(value: number, interval: readonly [low: number, high: number]): string {
  return `${signedPercent(value)} points (${interval.map(signedPercent).join(' to ')})`;
}

function signedPercent(value: number): string {
  const text = Math.abs(100 * value).toFixed(1);
  if (Number(text) === 0) return text;
  return `${value < 0 ? '−' : '+'}${text}`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}
