import { nearest } from '@sage/core';
import { type Command, type CommandGroup, EXIT_SUCCESS, EXIT_USAGE, type ParsedCommand } from './command.js';
import { parseFlags } from './flags.js';
import { commandHelp, groupHelp } from './help.js';

/** What a command line asks for: a command to run, or a text and the exit status that goes with it. */
export type Request =
  | { readonly kind: 'run'; readonly command: Command; readonly parsed: ParsedCommand }
  | {
      readonly kind: 'tell';
      readonly to: 'stdout' | 'stderr';
      readonly text: string;
      readonly status: number;
    };

/** Reads the arguments behind `path` against a command, or a group and the member that the first of them names. */
export function readCommandLine(
  path: string,
  known: Command | CommandGroup,
  args: readonly string[],
): Request {
  return 'members' in known ? readGroup(path, known, args) : readCommand(path, known, args);
}

function readGroup(path: string, group: CommandGroup, [name, ...rest]: readonly string[]): Request {
  const { noun, members } = group;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const status = name === undefined ? EXIT_USAGE : EXIT_SUCCESS;
    return { kind: 'tell', to: 'stdout', text: groupHelp(path, group), status };
  }
  const member = Object.hasOwn(members, name) ? members[name] : undefined;
  if (member !== undefined) return readCommandLine(`${path} ${name}`, member, rest);
  const near = nearest(name, Object.keys(members));
  const problem = name.startsWith('-')
    ? `the ${noun} comes first, then its options; got '${name}'`
    : `there is no ${noun} '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`;
  return {
    kind: 'tell',
    to: 'stderr',
    text: `${path}: ${problem}\n\n${groupHelp(path, group)}`,
    status: EXIT_USAGE,
  };
}

function readCommand(path: string, command: Command, args: readonly string[]): Request {
  if (args.includes('--help') || args.includes('-h')) {
    return { kind: 'tell', to: 'stdout', text: commandHelp(path, command), status: EXIT_SUCCESS };
  }
  const parsed = parseFlags(args, command.flags, command.positionals);
  if (parsed.ok) return { kind: 'run', command, parsed: parsed.value };
  const text = `${path}: ${parsed.message}\nTry '${path} --help'.\n`;
  return { kind: 'tell', to: 'stderr', text, status: EXIT_USAGE };
}
