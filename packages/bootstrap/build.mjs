import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projects, sourceFingerprint } from './fingerprint.mjs';

const STAMP = 'node_modules/.sage-build';

/** Why the sources have to be compiled, in words, or undefined where nothing changed since the last time. */
export function buildReason(root) {
  const missing = projects(root).find((path) => !existsSync(join(root, path, 'dist')));
  if (missing !== undefined) return `${missing} is not compiled yet`;
  const stamp = join(root, STAMP);
  const last = existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
  return last === sourceFingerprint(root) ? undefined : 'sources changed';
}

/** Compiles what changed; rejects where a source is wrong (the compiler's own messages say where). */
export async function build(root) {
  // Taken before the compiler reads: a source that is saved meanwhile is compiled the next time.
  const fingerprint = sourceFingerprint(root);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const code = await new Promise((resolve, reject) => {
    // The compiler reports on standard output, which belongs to the program that is started.
    const child = spawn(process.execPath, [tsc, '-b'], { cwd: root, stdio: ['ignore', 2, 2] });
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`the compiler stopped with exit code ${code}; its messages are above.`);
  writeFileSync(join(root, STAMP), fingerprint);
}
