import type { JournalFile, JournalFiles } from '../src/journal-file.js';
import { code, type Effects } from './faults.js';

interface Stored {
  durable: Buffer;
  /** Written, and lost in part or whole if the machine or the process ends before the sync. */
  pending: Buffer;
}

/** A disk in memory that fails and loses what it was not told to keep. */
export class MemoryFiles implements JournalFiles {
  readonly #files = new Map<string, Stored>();
  refuseToCreate = false;

  constructor(private readonly faults: Effects) {}

  read(path: string): string | undefined {
    const stored = this.#files.get(path);
    return stored && Buffer.concat([stored.durable, stored.pending]).toString();
  }

  create(path: string): JournalFile {
    if (this.refuseToCreate) throw code('ENOSPC');
    this.faults.meet(`create ${path}`);
    const stored: Stored = { durable: Buffer.alloc(0), pending: Buffer.alloc(0) };
    this.#files.set(path, stored);
    return {
      write: (bytes) => {
        // Half of it, at first: whoever writes has to ask again.
        const part = bytes.subarray(0, Math.ceil(bytes.length / 2));
        const append = (some: Uint8Array) => {
          stored.pending = Buffer.concat([stored.pending, some]);
        };
        this.faults.meet(`write ${path}`, () => append(part.subarray(0, part.length / 2)));
        append(part);
        return part.length;
      },
      sync: () => {
        this.faults.meet(`sync ${path}`);
        stored.durable = Buffer.concat([stored.durable, stored.pending]);
        stored.pending = Buffer.alloc(0);
      },
      truncate: (length) => {
        this.faults.meet(`truncate ${path}`);
        stored.durable = Buffer.concat([stored.durable, stored.pending]).subarray(0, length);
        stored.pending = Buffer.alloc(0);
      },
      close: () => {},
    };
  }

  rename(from: string, to: string): void {
    this.faults.meet(`rename ${from}`);
    const stored = this.#files.get(from);
    if (stored === undefined) throw code('ENOENT');
    this.#files.set(to, stored);
    this.#files.delete(from);
  }

  syncFolder(path: string): void {
    this.faults.meet(`sync the folder of ${path}`);
  }

  /** What a crash leaves: of what was not synced, the first `share`, 0 to 1. */
  crash(share: number): void {
    for (const stored of this.#files.values()) {
      const kept = stored.pending.subarray(0, Math.floor(stored.pending.length * share));
      stored.durable = Buffer.concat([stored.durable, kept]);
      stored.pending = Buffer.alloc(0);
    }
  }
}
