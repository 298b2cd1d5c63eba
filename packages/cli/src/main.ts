#!/usr/bin/env node
import { runCli } from './cli.js';
import { endAtSecondInterrupt } from './second-interrupt.js';

const args = process.argv.slice(2);
// Not the demo: what it undoes when it ends, nobody else would.
if (args[0] === 'serve') endAtSecondInterrupt(process);
process.exitCode = await runCli(args, {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  argv: process.argv.slice(1),
});
