import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { REPOSITORY } from './repository.js';

export interface Manifest {
  readonly name: string;
  readonly scripts?: Record<string, string>;
  readonly bin?: Record<string, string>;
  readonly exports?: Record<string, unknown>;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(REPOSITORY, folder, 'package.json'), 'utf8'));
}

/** The folders beside a package's own that its tsconfig.json refers to. */
export function readReferences(folder: string): string[] {
  const text = readFileSync(join(REPOSITORY, folder, 'tsconfig.json'), 'utf8');
  const { references } = JSON.parse(text) as { references?: { path: string }[] };
  return (references ?? []).map(({ path }) => basename(path));
}

/** The folders under packages/. */
export function packageFolders(): string[] {
  return readdirSync(join(REPOSITORY, 'packages'))
    .filter((name) => existsSync(join(REPOSITORY, 'packages', name, 'package.json')))
    .sort();
}
