import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces a file so that a crash leaves either the old content or the new, whole. */
export async function writeAtomic(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** A rename or a new file is on disk only once its directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

export async function ensureDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}

/** undefined where there is no such file; other errors throw. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** JSON lines that parse and are accepted; the rest (a line torn by a crash) is counted. */
export function parseLines<T>(
  text: string,
  accept: (value: unknown) => T | undefined,
): { items: T[]; damaged: number } {
  const items: T[] = [];
  let damaged = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const item = parseLine(line, accept);
    if (item === undefined) damaged++;
    else items.push(item);
  }
  return { items, damaged };
}

function parseLine<T>(line: string, accept: (value: unknown) => T | undefined): T | undefined {
  try {
    return accept(JSON.parse(line));
  } catch {
    return undefined;
  }
}
