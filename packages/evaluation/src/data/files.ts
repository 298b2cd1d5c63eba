import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { errorMessage } from '@sage/core';
import { parse } from 'csv-parse/sync';
import { DataError } from '../observed.js';

/** A text file, unpacked where its name ends in `.gz`. Throws a DataError that names it. */
export function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw new DataError(`${path} cannot be read: ${errorMessage(error)}`);
  }
}

export function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`${path} is not JSON: ${errorMessage(error)}`);
  }
}

/** Rows of cells; every row as long as the first. */
export function readRows(path: string): string[][] {
  try {
    return parse(readText(path), { skip_empty_lines: true, bom: true }) as string[][];
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path} is not CSV: ${errorMessage(error)}`);
  }
}

/** The folder's entries that pass, sorted by name and number. Throws where it is missing or none passes. */
export function listFolder(path: string, pattern: RegExp, what: string): string[] {
  if (!existsSync(path)) throw new DataError(`${path} does not exist; ${what} is expected there`);
  const found = readdirSync(path).filter((name) => pattern.test(name));
  if (found.length === 0) throw new DataError(`${path} holds no ${what}`);
  return found.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).map((name) => join(path, name));
}

/** A CSV file with one row of headers. */
export class Table {
  readonly path: string;
  readonly rows: readonly string[][];
  readonly #columns: ReadonlyMap<string, number>;

  constructor(path: string) {
    const [header = [], ...rows] = readRows(path);
    this.path = path;
    this.rows = rows;
    this.#columns = new Map(header.map((name, index) => [name, index]));
  }

  get columns(): readonly string[] {
    return [...this.#columns.keys()];
  }

  /** Index of a column. Throws a DataError with those there are. */
  column(name: string): number {
    const index = this.#columns.get(name);
    if (index === undefined) {
      throw new DataError(`${this.path} has no column '${name}'; it has ${this.columns.join(', ')}`);
    }
    return index;
  }

  text(row: number, column: number): string {
    return this.rows[row]?.[column] ?? '';
  }

  /** A number; undefined for an empty cell. Throws for anything else. */
  number(row: number, column: number): number | undefined {
    return numberAt(this.text(row, column), `${this.path}, line ${row + 2}, column ${column + 1}`);
  }
}

/** undefined for an empty cell and for NaN, which exporters write for "no data". */
export function numberAt(cell: string, place: string): number | undefined {
  const text = cell.trim();
  if (text === '' || text.toLowerCase() === 'nan') return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new DataError(`${place}: '${cell}' is not a number`);
  return value;
}
