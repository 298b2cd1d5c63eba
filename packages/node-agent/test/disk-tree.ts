import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Files } from './test-kernel.js';

/** Files below a folder of the disk, which outlast the process that writes them. */
export class DiskTree implements Files {
  constructor(private readonly root: string) {}

  get(path: string): string | undefined {
    return this.has(path) ? readFileSync(join(this.root, path), 'utf8') : undefined;
  }

  set(path: string, text: string): never {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
    return this as never;
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  delete(path: string): boolean {
    const was = this.has(path);
    rmSync(join(this.root, path), { force: true });
    return was;
  }

  keys(): MapIterator<string> {
    const entries = readdirSync(this.root, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files
      .map(({ parentPath, name }) => join(parentPath, name).slice(this.root.length))
      .values() as never;
  }
}
