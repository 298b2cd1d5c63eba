import {
  errorMessage,
  failure,
  type NodeAction,
  type NodeActionOutcome,
  type Outcome,
  success,
} from '@sage/core';
import { diskFiles, type JournalFile, type JournalFiles, openLine, sealLine } from './journal-file.js';
import type { Step } from './steps/step.js';

/** A change that is or may be in force, with all that undoing it needs. */
export interface OpenEntry {
  readonly id: string;
  readonly action: NodeAction;
  readonly steps: readonly Step[];
  readonly leaseEndsMs: number;
}

type Line =
  | ({ readonly type: 'open' } & OpenEntry)
  | { readonly type: 'close'; readonly outcome: NodeActionOutcome };

export interface OpenedJournal {
  readonly journal: Journal;
  /** Lines that could not be read, the last one left out where a crash has cut it off. */
  readonly damagedLines: number;
  /** Where the journal was put as it was found, if lines of it were damaged: they may name what is still turned. */
  readonly keptAt: string | undefined;
}

const REMEMBERED = 200;
const COMPACT_ABOVE_LINES = 5000;

/**
 * What is in force, on disk before it is: JSON lines with checksums, those that open with fsync. A line cut off by a crash never
 * took effect, because nothing is written to the node before its line is safe.
 *
 *     5d0c2a61 {"type":"open","id":"a1","action":{"kind":"cpu-quota","target":"rate","cores":1},"steps":[…],"leaseEndsMs":1700000600000}
 *     91e07b3f {"type":"close","outcome":{"id":"a1","status":"released",…}}
 */
export class Journal {
  readonly #path: string;
  readonly #files: JournalFiles;
  readonly #open = new Map<string, OpenEntry>();
  #closed: NodeActionOutcome[] = [];
  #file: JournalFile | undefined;
  #bytes = 0;
  #lines = 0;
  /** Lines from which compacting is tried; pushed on where it failed. */
  #compactAbove = COMPACT_ABOVE_LINES;
  /** The file is not what is known here: a line is missing, or a half one is there. */
  #isBehind = false;

  private constructor(path: string, files: JournalFiles) {
    this.#path = path;
    this.#files = files;
  }

  static open(path: string, files: JournalFiles = diskFiles): Outcome<OpenedJournal, 'journal'> {
    const journal = new Journal(path, files);
    try {
      const text = files.read(path) ?? '';
      const lines = text.split('\n');
      // Whole lines end with a line break: what stands behind the last one was cut off.
      const cutOff = lines.pop() as string;
      let damagedLines = 0;
      for (const line of lines) {
        const parsed = parseLine(line);
        if (parsed === undefined) damagedLines++;
        else journal.#remember(parsed);
      }
      // Even without its line break a whole line counts.
      const last = parseLine(cutOff);
      if (last !== undefined) journal.#remember(last);
      const keptAt = damagedLines > 0 ? `${path}.damaged` : undefined;
      if (keptAt !== undefined) journal.#keep(text, keptAt);
      journal.#compact();
      return success({ journal, damagedLines, keptAt });
    } catch (error) {
      return failure('journal', `the journal ${path} cannot be opened: ${errorMessage(error)}`);
    }
  }

  /** In the order of opening. */
  get held(): readonly OpenEntry[] {
    return [...this.#open.values()];
  }

  get closed(): readonly NodeActionOutcome[] {
    return this.#closed;
  }

  /** On the disk once it returns, before anything is written to the node. */
  recordOpen(entry: OpenEntry): Outcome<void, 'journal'> {
    return this.#append({ type: 'open', ...entry }, { sync: true });
  }

  /**
   * On the disk with the next line that opens something: undoing once more what a power cut has made unknown changes
   * nothing. What cannot be written down is known here all the same, and made up for with the next line.
   */
  recordClose(outcome: NodeActionOutcome): Outcome<void, 'journal'> {
    const line: Line = { type: 'close', outcome };
    const recorded = this.#append(line, { sync: false });
    if (recorded.ok) return recorded;
    this.#remember(line);
    this.#isBehind = true;
    return recorded;
  }

  close(): void {
    if (this.#isBehind) this.#tryToCompact();
    this.#file?.close();
    this.#file = undefined;
  }

  #append(line: Line, { sync }: { readonly sync: boolean }): Outcome<void, 'journal'> {
    try {
      if (this.#isBehind) this.#compact();
      if (this.#file === undefined) return failure('journal', `the journal ${this.#path} is closed`);
      const bytes = encode(line);
      try {
        writeAll(this.#file, bytes);
        if (sync) this.#file.sync();
      } catch (error) {
        this.#takeBack(this.#file);
        throw error;
      }
      this.#bytes += bytes.length;
      this.#lines++;
    } catch (error) {
      return failure('journal', `the journal ${this.#path} cannot be written: ${errorMessage(error)}`);
    }
    this.#remember(line);
    if (this.#lines > this.#compactAbove) this.#tryToCompact();
    return success(undefined);
  }

  /** A full disk may have taken half of the line: the next one must not be glued to it. */
  #takeBack(file: JournalFile): void {
    try {
      file.truncate(this.#bytes);
    } catch {
      this.#isBehind = true;
    }
  }

  #remember(line: Line): void {
    if (line.type === 'open') {
      const { type: _, ...entry } = line;
      this.#open.set(entry.id, entry);
      return;
    }
    this.#open.delete(line.outcome.id);
    this.#closed = [...this.#closed.filter(({ id }) => id !== line.outcome.id), line.outcome].slice(
      -REMEMBERED,
    );
  }

  #keep(text: string, path: string): void {
    const copy = this.#files.create(path);
    try {
      writeAll(copy, Buffer.from(text));
      copy.sync();
    } finally {
      copy.close();
    }
  }

  /** The longer journal is as good as the shorter one. */
  #tryToCompact(): void {
    try {
      this.#compact();
      this.#compactAbove = COMPACT_ABOVE_LINES;
    } catch {
      this.#compactAbove = this.#lines + COMPACT_ABOVE_LINES;
    }
  }

  /** A new file beside the old one takes its name: at every moment one whole journal is there. */
  #compact(): void {
    const lines: Line[] = [
      ...this.#closed.map((outcome): Line => ({ type: 'close', outcome })),
      ...this.held.map((entry): Line => ({ type: 'open', ...entry })),
    ];
    const temporary = `${this.#path}.new`;
    const bytes = Buffer.concat(lines.map(encode));
    const file = this.#files.create(temporary);
    try {
      writeAll(file, bytes);
      file.sync();
      this.#files.rename(temporary, this.#path);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file?.close();
    this.#file = file;
    this.#bytes = bytes.length;
    this.#lines = lines.length;
    this.#isBehind = false;
    this.#files.syncFolder(this.#path);
  }
}

function encode(line: Line): Uint8Array {
  return Buffer.from(`${sealLine(JSON.stringify(line))}\n`);
}

function writeAll(file: JournalFile, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += file.write(bytes.subarray(written));
}

/** Every operation that undoing knows: a line of a later version may have others. */
const OPERATIONS: Readonly<Record<Step['op'], true>> = {
  write: true,
  mkdir: true,
  tasks: true,
  move: true,
  stop: true,
  htb: true,
  http: true,
  'link-mirror': true,
  'link-root': true,
  'link-class': true,
  'link-redirect': true,
};

function parseLine(text: string): Line | undefined {
  const json = openLine(text);
  if (json === undefined || json === '') return undefined;
  // Its checksum says that we wrote it: only its version can be another.
  const line = JSON.parse(json) as Line;
  if (line.type === 'close') return line;
  return line.type === 'open' && line.steps.every(({ op }) => Object.hasOwn(OPERATIONS, op))
    ? line
    : undefined;
}
