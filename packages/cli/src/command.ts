import type { FlagSpecs } from './flags.js';

/** Exit statuses of every Sage program. */
export const EXIT_SUCCESS = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** The world a command runs in. */
export interface CommandIo {
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
  /** Script and arguments, to start this program again. */
  readonly argv: readonly string[];
}

export interface ParsedCommand {
  readonly flags: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** One subcommand of `sage`. */
export interface Command {
  readonly summary: string;
  /** What stands behind the command's name in its usage line. */
  readonly usage: string;
  readonly description: string;
  readonly flags: FlagSpecs;
  /** Names of the positional arguments, all required. */
  readonly positionals: readonly string[];
  run(parsed: ParsedCommand, io: CommandIo): Promise<number>;
}

/** Commands under one name, of which the next argument picks one: `sage` itself, `sage evaluate`. */
export interface CommandGroup {
  readonly summary: string;
  /** What its members are called: `suite`. */
  readonly noun: string;
  readonly description: string;
  readonly members: Readonly<Record<string, Command | CommandGroup>>;
  /** Last in its help text. */
  readonly footer: string;
}
