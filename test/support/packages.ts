import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './repository.js';

export interface Manifest {
  readonly name: string;
  readonly scripts?: Record<string, string>;
  readonly bin?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(REPOSITORY, folder, 'package.json'), 'utf8'));
}

/** The folders under packages/. */
export function packageFolders(): string[] {
  return readdirSync(join(REPOSITORY, 'packages'))
    .filter((name) => existsSync(join(REPOSITORY, 'packages', name, 'package.json')))
    .sort();
}
