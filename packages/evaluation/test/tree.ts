import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** File → content; undefined: no such file. */
export type Tree = Readonly<Record<string, string | Buffer | undefined>>;

const planted: string[] = [];

/** Writes the files into a new folder under the system's temporary one. */
export function plant(tree: Tree): string {
  const root = mkdtempSync(join(tmpdir(), 'sage-evaluation-'));
  planted.push(root);
  add(root, tree);
  return root;
}

export function add(root: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    if (content === undefined) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

// At the very end: what one file's tests planted, another's hooks would otherwise take away.
process.on('exit', () => {
  for (const root of planted) rmSync(root, { recursive: true, force: true });
});

export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return `${rows.map((row) => row.join(',')).join('\n')}\n`;
}

/** What is thrown, without the folder that was planted. */
export async function messageOf(root: string, work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message.replaceAll(root, '…')}`;
  }
  return 'nothing thrown';
}
