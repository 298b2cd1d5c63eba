import { runServe } from '@sage/engine';
import { type Command, EXIT_FAILED, EXIT_SUCCESS, EXIT_USAGE } from '../command.js';
import { VERSION } from '../version.js';

export const serveCommand: Command = {
  summary: 'watch your objectives: receive spans and alerts, diagnose, publish, act',
  usage: '--config FILE',
  description: `Runs the engine until SIGTERM or SIGINT. SIGHUP or POST /-/reload reads the configuration again; a bad one is
refused and the old one kept. 'sage check-config FILE' checks a configuration without starting anything; its --help
lists the keys, and packages/engine/README.md is their reference.`,
  positionals: [],
  flags: { config: { type: 'string', placeholder: 'FILE', default: 'sage.yaml', help: 'the configuration' } },
  async run({ flags }, io) {
    const ended = await runServe({
      configPath: String(flags.config),
      writeLog: (line) => io.stderr.write(line),
      onSignal: (signal, handler) => process.on(signal, handler),
      version: VERSION,
    });
    if (ended.ok) return EXIT_SUCCESS;
    io.stderr.write(`sage serve: ${ended.message}\n`);
    return ended.reason === 'config' ? EXIT_USAGE : EXIT_FAILED;
  },
};
