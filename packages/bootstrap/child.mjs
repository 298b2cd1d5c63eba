import { spawn } from 'node:child_process';

/**
 * Runs a program to its end. What it prints goes to standard error, because standard output belongs to the program that
 * is started afterwards. `output` is the end of what it wrote to standard error. Rejects where it cannot be started.
 */
export function runChild(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 2, 'pipe'] });
    let output = '';
    child.stderr.on('data', (chunk) => {
      process.stderr.write(chunk);
      output = (output + chunk).slice(-20_000);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
