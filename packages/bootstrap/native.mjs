#!/usr/bin/env node
// What `npm run native` calls: builds tfjs-node where its own download cannot be reached, from npm's registry and
// pip's index alone. Exit code 0: it loads. 69: it cannot be had on this machine or network. 1: it should and does not.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installWithoutScripts } from './install.mjs';
import { withLock } from './lock.mjs';
import {
  compileBinding,
  hasTfjsNode,
  nativeVersion,
  removeBinding,
  systemObstacle,
  takeLibrary,
  thisSystem,
  Unavailable,
} from './tensorflow.mjs';

/** EX_UNAVAILABLE of sysexits.h. */
const EXIT_UNAVAILABLE = 69;

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const report = (line) => process.stderr.write(`sage: ${line}\n`);

async function build() {
  const started = performance.now();
  const before = nativeVersion(root);
  if (before !== undefined) return `native TensorFlow ${before} is there already`;
  const obstacle = systemObstacle(thisSystem());
  if (obstacle !== undefined) throw new Unavailable(obstacle);
  // tfjs-node is optional: npm took it away where its script could not download. Its sources are all that is needed.
  report('installing what package-lock.json has and is not here yet, without install scripts');
  await installWithoutScripts(root);
  if (!hasTfjsNode(root)) throw new Error('npm did not install @tensorflow/tfjs-node');
  report('fetching libtensorflow (a wheel of 200 MB) with pip');
  await takeLibrary(root);
  report('compiling the binding');
  await compileBinding(root);
  const version = nativeVersion(root);
  if (version === undefined) {
    removeBinding(root);
    throw new Error('the binding was built and does not load; a processor without AVX is the usual reason');
  }
  return `native TensorFlow ${version} was built in ${Math.round((performance.now() - started) / 1000)} s`;
}

try {
  report(await withLock(join(root, '.sage/bootstrap.lock'), report, build));
} catch (error) {
  report(`no native TensorFlow: ${error.message}`);
  process.exitCode = error instanceof Unavailable ? EXIT_UNAVAILABLE : 1;
}
