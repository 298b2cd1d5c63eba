import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@sage/core';
import { parseLines, readIfPresent, syncDirectory, writeAtomic } from '../storage/files.js';
import { LineFile } from '../storage/line-file.js';
import { Serial } from '../storage/serial.js';
import { type Alert, alertIdOf, type Notification } from './payload.js';

/** A notification that was accepted and is not worked off yet. */
export interface JournalEntry {
  /** Counts up; the same news may come, be taken back and come again. */
  readonly number: number;
  readonly key: string;
  readonly receivedMs: number;
  readonly groupKey: string;
  readonly alerts: readonly Alert[];
}

type Heard = readonly (readonly [alertId: string, status: Alert['status']])[];

type Line =
  | ({ readonly type: 'accepted' } & JournalEntry)
  | { readonly type: 'done'; readonly number: number }
  | { readonly type: 'heard'; readonly alerts: Heard };

export interface JournalOptions {
  readonly logger: Logger;
  /** Alerts whose last news is kept to recognise late duplicates. */
  readonly maxHeard?: number;
  /** The file is rewritten, keeping what is pending and those alerts, when it grows past this. */
  readonly maxBytes?: number;
  /** Opens a file to add to; another one than the file system's for tests. */
  readonly openFile?: (path: string) => Promise<JournalFile>;
}

export interface JournalFile {
  appendFile(text: string): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The notifications that Sage answered 200 to, on disk before the answer: JSON lines, `accepted` when one came,
 * `done` when its work is finished. After a crash, what is accepted and not done is worked off again.
 */
export class AlertJournal {
  readonly #path: string;
  readonly #maxHeard: number;
  readonly #maxBytes: number;
  readonly #openFile: (path: string) => Promise<JournalFile>;
  readonly #pending = new Map<number, JournalEntry>();
  /** Alert id → its last news, the most recent last. */
  readonly #heard = new Map<string, Alert['status']>();
  readonly #writing = new Map<string, Promise<void>>();
  readonly #serial = new Serial();
  readonly #lines: LineFile;
  /** undefined: to be opened by the next write. */
  #file: JournalFile | undefined;
  #bytes: number;
  #next = 1;

  private constructor(path: string, text: string, options: JournalOptions) {
    this.#path = path;
    this.#lines = new LineFile((added) => this.#write(added), text !== '' && !text.endsWith('\n'));
    this.#bytes = Buffer.byteLength(text);
    this.#maxHeard = options.maxHeard ?? 20_000;
    this.#maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
    this.#openFile = options.openFile ?? openToAppend;
  }

  static async open(path: string, options: JournalOptions): Promise<AlertJournal> {
    const text = (await readIfPresent(path)) ?? '';
    const journal = new AlertJournal(path, text, options);
    journal.#file = await journal.#openFile(path);
    await syncDirectory(dirname(path));
    const { items, damaged } = parseLines(text, asLine);
    for (const line of items) journal.#apply(line);
    if (damaged > 0) options.logger.warn('alert journal: damaged lines were skipped', { path, damaged });
    return journal;
  }

  /** Oldest first. */
  get pending(): readonly JournalEntry[] {
    return [...this.#pending.values()];
  }

  get pendingCount(): number {
    return this.#pending.size + this.#writing.size;
  }

  /** Whether it says nothing new: of each of its alerts this was the last that was heard. */
  knows({ alerts }: Pick<Notification, 'alerts'>): boolean {
    return alerts.every((alert) => this.#heard.get(alertIdOf(alert)) === alert.status);
  }

  /** The write of the same notification that is under way, if any: a duplicate waits for it, too. */
  writing(key: string): Promise<void> | undefined {
    return this.#writing.get(key);
  }

  /** Resolves when the notification is on disk. */
  accept(notification: Notification, receivedMs: number): Promise<JournalEntry> {
    const { key, groupKey, alerts } = notification;
    const entry: JournalEntry = { number: this.#next++, key, receivedMs, groupKey, alerts };
    const written = this.#serial.run(() => this.#record({ type: 'accepted', ...entry }));
    this.#writing.set(
      key,
      written.finally(() => this.#writing.delete(key)),
    );
    this.#writing.get(key)?.catch(() => {});
    return written.then(() => entry);
  }

  async done(entry: JournalEntry): Promise<void> {
    await this.#serial.run(async () => {
      await this.#record({ type: 'done', number: entry.number });
      if (this.#bytes > this.#maxBytes) await this.#compact();
    });
  }

  async close(): Promise<void> {
    await this.#serial.idle();
    await this.#file?.close();
  }

  async #record(line: Line): Promise<void> {
    this.#bytes += await this.#lines.add(JSON.stringify(line));
    this.#apply(line);
  }

  async #write(text: string): Promise<void> {
    this.#file ??= await this.#openFile(this.#path);
    await this.#file.appendFile(text);
    await this.#file.datasync();
  }

  #apply(line: Line): void {
    switch (line.type) {
      case 'accepted': {
        const { type: _, ...entry } = line;
        this.#next = Math.max(this.#next, entry.number + 1);
        this.#pending.set(entry.number, entry);
        this.#hear(entry.alerts.map((alert) => [alertIdOf(alert), alert.status]));
        break;
      }
      case 'done':
        this.#finish(line.number);
        break;
      case 'heard':
        this.#hear(line.alerts);
        break;
    }
  }

  /** Each notification tells the whole state of its group: what came before it needs no work any more. */
  #finish(number: number): void {
    const groupKey = this.#pending.get(number)?.groupKey;
    for (const entry of this.pending) {
      if (entry.groupKey === groupKey && entry.number <= number) this.#pending.delete(entry.number);
    }
  }

  #hear(alerts: Heard): void {
    for (const [id, status] of alerts) {
      this.#heard.delete(id);
      this.#heard.set(id, status);
    }
    for (const id of this.#heard.keys()) {
      if (this.#heard.size <= this.#maxHeard) break;
      this.#heard.delete(id);
    }
  }

  async #compact(): Promise<void> {
    const lines: Line[] = [
      { type: 'heard', alerts: [...this.#heard] },
      ...this.pending.map((entry): Line => ({ type: 'accepted', ...entry })),
    ];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    await writeAtomic(this.#path, text);
    const replaced = this.#file;
    this.#file = undefined;
    this.#bytes = Buffer.byteLength(text);
    await replaced?.close();
  }
}

function openToAppend(path: string): Promise<JournalFile> {
  return open(path, 'a');
}

function asLine(value: unknown): Line | undefined {
  const line = value as {
    readonly type?: unknown;
    readonly number?: unknown;
    readonly alerts?: unknown;
  } | null;
  const { type, number, alerts } = line ?? {};
  const whole =
    (type === 'heard' && Array.isArray(alerts)) ||
    (type === 'done' && typeof number === 'number') ||
    (type === 'accepted' && typeof number === 'number' && Array.isArray(alerts));
  return whole ? (value as Line) : undefined;
}
