import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from './repository.js';

export interface SourceFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript and JavaScript source under a folder, build results and dependencies left out. */
export async function sourceFiles(folder: string): Promise<SourceFile[]> {
  const entries = await readdir(join(REPOSITORY, folder), { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry): Promise<SourceFile[]> => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        return entry.name === 'dist' || entry.name === 'node_modules' ? [] : sourceFiles(path);
      }
      if (!/\.(ts|mts|js|mjs|cjs)$/.test(entry.name)) return [];
      return [{ path, text: await readFile(join(REPOSITORY, path), 'utf8') }];
    }),
  );
  return found.flat().sort((a, b) => (a.path < b.path ? -1 : 1));
}
