import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBackend } from '@sage/gvae';
import type { Versions } from './step.js';

const PACKAGES = fileURLToPath(new URL('../../../../', import.meta.url));
const SCOPE = '@sage/';
/** Of each package that this one uses, what decides a result. */
const DECIDING_THERE = ['dist/src', 'topologies', 'topology'];
/** Of this package: how a result is shown decides nothing, and steps have their options beside them. */
const DECIDING_HERE = [
  'closed-loop',
  'data',
  'methods',
  'suites',
  'evaluate.js',
  'learn.js',
  'scoring.js',
  'experiments/overhead-rounds.js',
  'experiments/reconstruct.js',
  'experiments/real-faults.js',
  'experiments/rollout-chain.js',
  'experiments/rollout-policies.js',
  'experiments/tree-questions.js',
  'experiments/tree-world.js',
  'experiments/worlds.js',
];

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Of this very program on this machine. */
export async function versionsHere(): Promise<Versions> {
  const manifest = JSON.parse(readFileSync(join(PACKAGES, 'evaluation/package.json'), 'utf8')) as Manifest;
  return {
    sage: manifest.version,
    code: codeDigest(PACKAGES, manifest),
    node: process.version,
    backend: await loadBackend(),
    platform: `${process.platform} ${process.arch}`,
  };
}

/** The same where the code of further packages, by their folders, decides a result as well. */
export function withPackages(versions: Versions, folders: readonly string[] = []): Versions {
  if (folders.length === 0) return versions;
  return { ...versions, code: digestOf(PACKAGES, placesIn(folders), versions.code) };
}

function codeDigest(packages: string, { dependencies }: Manifest): string {
  const used = Object.keys(dependencies).filter((name) => name.startsWith(SCOPE));
  return digestOf(packages, [
    ...placesIn(used.map((name) => name.slice(SCOPE.length))),
    ...DECIDING_HERE.map((part) => join('evaluation/dist/src', part)),
  ]);
}

function placesIn(folders: readonly string[]): string[] {
  return folders.flatMap((folder) => DECIDING_THERE.map((part) => join(folder, part)));
}

function digestOf(packages: string, places: readonly string[], start = ''): string {
  const hash = createHash('sha256').update(start);
  for (const path of places.flatMap((place) => filesBelow(join(packages, place)))) {
    hash.update(path.slice(packages.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
    .filter((file) => /\.(js|json)$/.test(file));
}
