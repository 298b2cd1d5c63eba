import { nearest } from '@sage/core';
import { type Command, type CommandIo, EXIT_SUCCESS, EXIT_USAGE } from './command.js';
import { checkConfigCommand } from './commands/check-config.js';
import { demoCommand } from './commands/demo.js';
import { doctorCommand } from './commands/doctor.js';
import { serveCommand } from './commands/serve.js';
import { describeFlags, parseFlags } from './flags.js';
import { VERSION } from './version.js';

const COMMANDS: Readonly<Record<string, Command>> = {
  demo: demoCommand,
  serve: serveCommand,
  'check-config': checkConfigCommand,
  doctor: doctorCommand,
};

/** Runs `sage` with its arguments; the result is the exit status. */
export async function runCli(args: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.stdout.write(overview());
    return name === undefined ? EXIT_USAGE : EXIT_SUCCESS;
  }
  if (name === '--version') {
    io.stdout.write(`sage ${VERSION}\n`);
    return EXIT_SUCCESS;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const near = nearest(name, Object.keys(COMMANDS));
    io.stderr.write(
      `sage: there is no command '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}\n\n${overview()}`,
    );
    return EXIT_USAGE;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.stdout.write(commandHelp(name, command));
    return EXIT_SUCCESS;
  }
  const parsed = parseFlags(rest, command.flags, command.positionals);
  if (!parsed.ok) {
    io.stderr.write(`sage ${name}: ${parsed.message}\nTry 'sage ${name} --help'.\n`);
    return EXIT_USAGE;
  }
  return command.run(parsed.value, io);
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length)) + 2;
  const rows = Object.entries(COMMANDS).map(([name, command]) => `  ${name.padEnd(width)}${command.summary}`);
  return `Sage names the service and the resource that broke your latency objective.

Usage: sage COMMAND [OPTIONS]

Commands:
${rows.join('\n')}

'sage COMMAND --help' explains one. Exit status: 0 success, 1 the work failed, 2 usage or configuration error.
`;
}

function commandHelp(name: string, command: Command): string {
  const options = describeFlags(command.flags);
  return `Usage: sage ${name}${command.usage === '' ? '' : ` ${command.usage}`}

${command.description}
${options === '' ? '' : `\nOptions:\n${options}\n`}`;
}
