import type { Section } from './section.js';

/** The first table of a section as Markdown, for a README. */
export function mainTable({ blocks }: Section, made: string): string {
  const table = blocks.find((block) => block.kind === 'table');
  if (table?.kind !== 'table') return `${made}\n`;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(table.columns),
    line(table.columns.map(() => '---')),
    ...table.rows.map(line),
    '',
    table.caption,
    made,
    '',
  ].join('\n');
}
