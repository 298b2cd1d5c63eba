import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { type AgentConfig, loadAgentConfig } from './config.js';

export const USAGE = `Usage: sage-node-agent --config FILE [--dry-run | --check]

Reads resource metrics of the targets in FILE and changes their knobs when asked over HTTP. Every change is
journalled, kept for its lease, and undone when that ends, on release, on SIGTERM, and after a crash at the next start.

  --config FILE   YAML configuration (required)
  --dry-run       change nothing, whatever FILE says; show what would be written
  --check         only say whether FILE, its token and its certificates are right
  --help          this text
  --version       the version

On SIGHUP the token and the certificates are read anew.

Exit status: 0 success, 1 the work failed, 2 usage or configuration error.
`;

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'check' | 'serve'; readonly config: AgentConfig };

/** The failure's message holds all errors of the configuration, one a line. */
export function parseCommandLine(args: readonly string[]): Outcome<Command, 'usage' | 'config'> {
  let values: { config?: string; 'dry-run'?: boolean; check?: boolean; help?: boolean; version?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'dry-run': { type: 'boolean' },
        check: { type: 'boolean' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    }));
  } catch (error) {
    return failure('usage', errorMessage(error));
  }
  if (values.help) return success({ kind: 'help' });
  if (values.version) return success({ kind: 'version' });
  if (values.config === undefined) return failure('usage', 'expected --config FILE');
  let text: string;
  try {
    text = readFileSync(values.config, 'utf8');
  } catch (error) {
    return failure('config', `${values.config} cannot be read: ${errorMessage(error)}`);
  }
  const config = loadAgentConfig(text);
  if (!config.ok) return config;
  const dryRun = config.value.dryRun || values['dry-run'] === true;
  const kind = values.check === true ? 'check' : 'serve';
  return success({ kind, config: { ...config.value, dryRun } });
}
