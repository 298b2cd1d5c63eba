import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBackend } from '@sage/gvae';
import type { Versions } from './step.js';

const PACKAGES = fileURLToPath(new URL('../../../../', import.meta.url));
/** What decides a result. How it is shown does not: `evaluation/dist/src/report` is left out. */
const DECIDING = [
  'core/dist/src',
  'causal-graph/dist/src',
  'telemetry-source/dist/src',
  'gvae/dist/src',
  'root-cause/dist/src',
  'collector-extension/dist/src',
  'simulator/dist/src',
  'simulator/topologies',
  'evaluation/dist/src/data',
  'evaluation/dist/src/methods',
  'evaluation/dist/src/suites',
  'evaluation/dist/src/evaluate.js',
  'evaluation/dist/src/learn.js',
  'evaluation/dist/src/scoring.js',
  'evaluation/dist/src/experiments/reconstruct.js',
  'evaluation/dist/src/experiments/real-faults.js',
  'evaluation/dist/src/experiments/tree-questions.js',
  'evaluation/dist/src/experiments/tree-world.js',
  'evaluation/dist/src/experiments/worlds.js',
];

/** Of this very program on this machine. */
export async function versionsHere(): Promise<Versions> {
  const manifest = JSON.parse(readFileSync(join(PACKAGES, 'evaluation/package.json'), 'utf8'));
  return {
    sage: (manifest as { version: string }).version,
    code: codeDigest(PACKAGES),
    node: process.version,
    backend: await loadBackend(),
    platform: `${process.platform} ${process.arch}`,
  };
}

function codeDigest(packages: string): string {
  const hash = createHash('sha256');
  for (const path of DECIDING.flatMap((place) => filesBelow(join(packages, place)))) {
    hash.update(path.slice(packages.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
    .filter((file) => /\.(js|json)$/.test(file));
}
