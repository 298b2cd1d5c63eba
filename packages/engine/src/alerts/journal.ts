import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@sage/core';
import { parseLines, readIfPresent, syncDirectory, writeAtomic } from '../storage/files.js';
import { Serial } from '../storage/serial.js';
import type { Alert, Notification } from './payload.js';

/** A notification that was accepted and is not worked off yet. */
export interface JournalEntry {
  readonly key: string;
  readonly receivedMs: number;
  readonly groupKey: string;
  readonly alerts: readonly Alert[];
}

type Line = ({ readonly type: 'accepted' } & JournalEntry) | { readonly type: 'done'; readonly key: string };

export interface JournalOptions {
  readonly logger: Logger;
  /** Keys of finished notifications kept to recognise late duplicates. */
  readonly maxDoneKeys?: number;
  /** The file is rewritten, keeping what is pending and those keys, when it grows past this. */
  readonly maxBytes?: number;
}

/**
 * The notifications that Sage answered 200 to, on disk before the answer: JSON lines, `accepted` when one came,
 * `done` when its work is finished. After a crash, what is accepted and not done is worked off again.
 */
export class AlertJournal {
  readonly #path: string;
  readonly #maxDoneKeys: number;
  readonly #maxBytes: number;
  readonly #pending = new Map<string, JournalEntry>();
  /** In order of completion; a Set iterates in that order. */
  readonly #done = new Set<string>();
  readonly #writing = new Map<string, Promise<void>>();
  readonly #serial = new Serial();
  #file: FileHandle;
  #bytes: number;

  private constructor(path: string, file: FileHandle, bytes: number, options: JournalOptions) {
    this.#path = path;
    this.#file = file;
    this.#bytes = bytes;
    this.#maxDoneKeys = options.maxDoneKeys ?? 4096;
    this.#maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
  }

  static async open(path: string, options: JournalOptions): Promise<AlertJournal> {
    const text = (await readIfPresent(path)) ?? '';
    const file = await open(path, 'a');
    await syncDirectory(dirname(path));
    const journal = new AlertJournal(path, file, (await stat(path)).size, options);
    const { items, damaged } = parseLines(text, asLine);
    for (const line of items) journal.#apply(line);
    if (damaged > 0) options.logger.warn('alert journal: damaged lines were skipped', { path, damaged });
    // A line torn by a crash must not swallow the next one.
    if (text !== '' && !text.endsWith('\n')) await journal.#append('\n');
    return journal;
  }

  /** Oldest first. */
  get pending(): readonly JournalEntry[] {
    return [...this.#pending.values()];
  }

  get pendingCount(): number {
    return this.#pending.size + this.#writing.size;
  }

  has(key: string): boolean {
    return this.#pending.has(key) || this.#done.has(key);
  }

  /** The write of the same notification that is under way, if any: a duplicate waits for it, too. */
  writing(key: string): Promise<void> | undefined {
    return this.#writing.get(key);
  }

  /** Resolves when the notification is on disk. */
  accept(notification: Notification, receivedMs: number): Promise<JournalEntry> {
    const { key, groupKey, alerts } = notification;
    const entry: JournalEntry = { key, receivedMs, groupKey, alerts };
    const written = this.#serial.run(async () => {
      await this.#append(`${JSON.stringify({ type: 'accepted', ...entry })}\n`);
      this.#apply({ type: 'accepted', ...entry });
    });
    this.#writing.set(
      key,
      written.finally(() => this.#writing.delete(key)),
    );
    this.#writing.get(key)?.catch(() => {});
    return written.then(() => entry);
  }

  async done(key: string): Promise<void> {
    await this.#serial.run(async () => {
      await this.#append(`${JSON.stringify({ type: 'done', key })}\n`);
      this.#apply({ type: 'done', key });
      if (this.#bytes > this.#maxBytes) await this.#compact();
    });
  }

  async close(): Promise<void> {
    await this.#serial.idle();
    await this.#file.close();
  }

  async #append(text: string): Promise<void> {
    await this.#file.appendFile(text);
    await this.#file.datasync();
    this.#bytes += Buffer.byteLength(text);
  }

  #apply(line: Line): void {
    if (line.type === 'accepted') {
      const { type: _, ...entry } = line;
      if (!this.#done.has(line.key)) this.#pending.set(line.key, entry);
      return;
    }
    this.#pending.delete(line.key);
    this.#done.add(line.key);
    for (const key of this.#done) {
      if (this.#done.size <= this.#maxDoneKeys) break;
      this.#done.delete(key);
    }
  }

  async #compact(): Promise<void> {
    const lines: Line[] = [
      ...[...this.#done].map((key): Line => ({ type: 'done', key })),
      ...this.pending.map((entry): Line => ({ type: 'accepted', ...entry })),
    ];
    await writeAtomic(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await this.#file.close();
    this.#file = await open(this.#path, 'a');
    this.#bytes = (await stat(this.#path)).size;
  }
}

function asLine(value: unknown): Line | undefined {
  const line = value as Partial<Line & JournalEntry> | null;
  if (typeof line?.key !== 'string') return undefined;
  if (line.type === 'done') return line as Line;
  const whole = line.type === 'accepted' && Array.isArray(line.alerts) && typeof line.receivedMs === 'number';
  return whole ? (line as Line) : undefined;
}
