import { CONFIG_KEYS, checkConfigFile } from '@sage/engine';
import { type Command, EXIT_SUCCESS, EXIT_USAGE } from '../command.js';

export const checkConfigCommand: Command = {
  summary: 'check a configuration and print every error at once',
  usage: 'FILE',
  description: `Reads FILE as sage serve would, token and password files included, and starts nothing.
Keys: ${CONFIG_KEYS.join(', ')}.
packages/engine/README.md explains each of them.`,
  positionals: ['FILE'],
  flags: {},
  async run({ positionals }, io) {
    const checked = checkConfigFile(positionals[0] ?? '');
    (checked.ok ? io.stdout : io.stderr).write(`${checked.text.trimEnd()}\n`);
    return checked.ok ? EXIT_SUCCESS : EXIT_USAGE;
  },
};
