import { join } from 'node:path';
import { build, buildReason } from './build.mjs';
import { install, installReason } from './install.mjs';
import { withLock } from './lock.mjs';

/**
 * Brings a checkout to where its programs can run: dependencies installed, sources compiled. Does only what is
 * missing, which on a second start is nothing. `report` gets one line before each step that takes time.
 */
export async function prepare(root, report) {
  if (installReason(root) === undefined && buildReason(root) === undefined) return;
  await withLock(join(root, '.sage/bootstrap.lock'), report, async () => {
    const why = installReason(root);
    if (why !== undefined) {
      report(`installing dependencies (npm ci), because ${why}; this takes a minute or so`);
      await install(root, report);
    }
    const changed = buildReason(root);
    if (changed !== undefined) {
      report(`compiling (tsc -b), because ${changed}`);
      await build(root);
    }
  });
}
