import { type CommandGroup, type CommandIo, EXIT_SUCCESS } from './command.js';
import { readCommandLine } from './command-line.js';
import { checkConfigCommand } from './commands/check-config.js';
import { demoCommand } from './commands/demo.js';
import { doctorCommand } from './commands/doctor.js';
import { evaluateCommands } from './commands/evaluate.js';
import { serveCommand } from './commands/serve.js';
import { VERSION } from './version.js';

export const SAGE: CommandGroup = {
  summary: 'root-cause analysis for microservices',
  noun: 'command',
  description: 'Sage names the service and the resource that broke your latency objective.',
  members: {
    demo: demoCommand,
    serve: serveCommand,
    'check-config': checkConfigCommand,
    doctor: doctorCommand,
    evaluate: evaluateCommands,
  },
  footer:
    "'sage COMMAND --help' explains one. Exit status: 0 success, 1 the work failed, 2 usage or configuration error.",
};

/** Runs `sage` with its arguments; the result is the exit status. */
export async function runCli(args: readonly string[], io: CommandIo): Promise<number> {
  if (args[0] === '--version') {
    io.stdout.write(`sage ${VERSION}\n`);
    return EXIT_SUCCESS;
  }
  const request = readCommandLine('sage', SAGE, args);
  if (request.kind === 'run') return request.command.run(request.parsed, io);
  io[request.to].write(request.text);
  return request.status;
}
