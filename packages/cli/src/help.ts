import type { Command, CommandGroup } from './command.js';
import { describeFlags } from './flags.js';

/** The help text of a group; `path` is what stands before the member's name: `sage evaluate`. */
export function groupHelp(path: string, { noun, description, members, footer }: CommandGroup): string {
  const width = Math.max(...Object.keys(members).map((name) => name.length)) + 2;
  const rows = Object.entries(members).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`);
  return `${description}

Usage: ${path} ${noun.toUpperCase()} [OPTIONS]

${noun.charAt(0).toUpperCase()}${noun.slice(1)}s:
${rows.join('\n')}

${footer}
`;
}

export function commandHelp(path: string, { usage, description, flags }: Command): string {
  const options = describeFlags(flags);
  return `Usage: ${path}${usage === '' ? '' : ` ${usage}`}

${description}
${options === '' ? '' : `\nOptions:\n${options}\n`}`;
}
