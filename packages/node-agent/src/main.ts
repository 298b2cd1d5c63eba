#!/usr/bin/env node
import './small-heap.js';
import { readFileSync } from 'node:fs';
import { createLogger, systemClock } from '@sage/core';
import { startAgent } from './agent.js';
import { parseCommandLine, USAGE } from './command-line.js';
import { readCredentials } from './credentials.js';

const command = parseCommandLine(process.argv.slice(2));
if (!command.ok) {
  const hint = command.reason === 'usage' ? '\nTry: sage-node-agent --help' : '';
  process.stderr.write(`sage-node-agent: ${command.message}${hint}\n`);
  process.exit(2);
}
if (command.value.kind === 'help') {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (command.value.kind === 'version') {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  process.stdout.write(`sage-node-agent ${(JSON.parse(text) as { version: string }).version}\n`);
  process.exit(0);
}

if (command.value.kind === 'check') {
  const { config } = command.value;
  const credentials = readCredentials(config);
  if (!credentials.ok) {
    process.stderr.write(`sage-node-agent: ${credentials.message}\n`);
    process.exit(2);
  }
  const mode = config.dryRun ? 'dry run' : 'changes are made';
  process.stdout.write(`the configuration is valid: ${mode}, ${config.targets.length} targets\n`);
  process.exit(0);
}

// Whoever read the log has gone: what is in force must still be kept and undone.
process.stderr.on('error', () => {});
const logger = createLogger((line) => process.stderr.write(line), Date.now);
const starting = startAgent(command.value.config, {
  clock: systemClock,
  monotonicMs: () => performance.now(),
  fetch,
  logger,
  pid: process.pid,
});
// From now on, and not once it has started: a signal that nobody awaits ends the process with its changes in force.
process.on('SIGHUP', async () => {
  const agent = await starting;
  if (!agent.ok) return;
  const reloaded = agent.value.reload();
  if (reloaded.ok) logger.info('the token and the certificates were read anew');
  else logger.error('not reloaded, what was is kept', { why: reloaded.message });
});
let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, async () => {
    if (stopping) return;
    stopping = true;
    logger.info('stopping', { signal });
    const agent = await starting;
    if (!agent.ok) return;
    const closed = await agent.value.close();
    if (!closed.ok) logger.error(closed.message);
    process.exit(closed.ok ? 0 : 1);
  });
}

const started = await starting;
if (!started.ok) {
  process.stderr.write(`sage-node-agent: ${started.message}\n`);
  process.exit(started.reason === 'config' ? 2 : 1);
}
