import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** SHA-256 of a file's content in hex, or undefined where there is no such file. */
export function fileHash(path) {
  return existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : undefined;
}

/**
 * What the compiler's input looks like: path, size and time of change of every source and every tsconfig.
 * Content is not read, so that a start that has nothing to build stays quick; a file that is gone changes it too.
 */
export function sourceFingerprint(root) {
  const hash = createHash('sha256');
  for (const path of compilerInputs(root)) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** Folders with a tsconfig.json of their own, relative to the root. */
export function projects(root) {
  const packages = existsSync(join(root, 'packages')) ? readdirSync(join(root, 'packages')).sort() : [];
  return [...packages.map((name) => `packages/${name}`), 'test'].filter((path) =>
    existsSync(join(root, path, 'tsconfig.json')),
  );
}

function compilerInputs(root) {
  const paths = ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json'].filter((path) =>
    existsSync(join(root, path)),
  );
  for (const project of projects(root)) {
    paths.push(`${project}/tsconfig.json`);
    if (existsSync(join(root, project, 'package.json'))) paths.push(`${project}/package.json`);
    walk(root, project, paths);
  }
  return paths.sort();
}

function walk(root, folder, paths) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) walk(root, path, paths);
    else if (/\.(ts|mts|cts)$/.test(entry.name)) paths.push(path);
  }
}
