import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  errorMessage,
  failure,
  type NodeAction,
  type NodeActionOutcome,
  type Outcome,
  success,
} from '@sage/core';
import type { Step } from './steps/step.js';
import { errorCode } from './system.js';

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

const REMEMBERED = 200;
const COMPACT_ABOVE_LINES = 5000;

/**
 * What is in force, on disk before it is: JSON lines, each with fsync. A line cut off by a crash never took effect,
 * because nothing is written to the node before its line is safe.
 *
 *     {"type":"open","id":"a1","action":{"kind":"cpu-quota","target":"rate","cores":1},"steps":[…],"leaseEndsMs":1700000600000}
 *     {"type":"close","outcome":{"id":"a1","status":"released",…}}
 */
export class Journal {
  readonly #path: string;
  readonly #open = new Map<string, OpenEntry>();
  #closed: NodeActionOutcome[] = [];
  #descriptor = -1;
  #lines = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** `damagedLines` counts lines that could not be read; they are dropped. */
  static open(
    path: string,
  ): Outcome<{ readonly journal: Journal; readonly damagedLines: number }, 'journal'> {
    const journal = new Journal(path);
    let damagedLines = 0;
    try {
      for (const text of readLines(path)) {
        const line = parseLine(text);
        if (line === undefined) damagedLines++;
        else journal.#remember(line);
      }
      journal.#compact();
      return success({ journal, damagedLines });
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

  recordOpen(entry: OpenEntry): Outcome<void, 'journal'> {
    return this.#append({ type: 'open', ...entry });
  }

  recordClose(outcome: NodeActionOutcome): Outcome<void, 'journal'> {
    return this.#append({ type: 'close', outcome });
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #append(line: Line): Outcome<void, 'journal'> {
    try {
      writeSync(this.#descriptor, `${JSON.stringify(line)}\n`);
      fsyncSync(this.#descriptor);
      this.#remember(line);
      this.#lines++;
      if (this.#lines > COMPACT_ABOVE_LINES) this.#compact();
      return success(undefined);
    } catch (error) {
      return failure('journal', `the journal ${this.#path} cannot be written: ${errorMessage(error)}`);
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

  /** A new file beside the old one takes its name: at every moment one whole journal is there. */
  #compact(): void {
    const lines: Line[] = [
      ...this.#closed.map((outcome): Line => ({ type: 'close', outcome })),
      ...this.held.map((entry): Line => ({ type: 'open', ...entry })),
    ];
    const temporary = `${this.#path}.new`;
    // Whoever could write here could have the agent write anywhere.
    const descriptor = openSync(temporary, 'w', 0o600);
    for (const line of lines) writeSync(descriptor, `${JSON.stringify(line)}\n`);
    fsyncSync(descriptor);
    renameSync(temporary, this.#path);
    const folder = openSync(dirname(this.#path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    this.close();
    this.#descriptor = descriptor;
    this.#lines = lines.length;
  }
}

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

const OPERATIONS = new Set([
  ...['write', 'mkdir', 'tasks', 'move', 'stop', 'htb', 'http'],
  ...['link-mirror', 'link-root', 'link-class', 'link-redirect'],
]);

function parseLine(text: string): Line | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const line = value as Partial<Record<string, unknown>> | null;
  if (typeof line !== 'object' || line === null) return undefined;
  const outcome = line.outcome as Partial<NodeActionOutcome> | undefined;
  if (line.type === 'close') return typeof outcome?.id === 'string' ? (line as Line) : undefined;
  const steps = line.steps as readonly Partial<Step>[] | undefined;
  const whole = line.type === 'open' && typeof line.id === 'string' && Array.isArray(steps);
  return whole && steps.every((step) => OPERATIONS.has(step?.op ?? '')) ? (line as Line) : undefined;
}
