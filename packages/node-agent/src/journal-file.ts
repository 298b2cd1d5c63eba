import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { errorCode } from './system.js';

/** What a journal needs of a file system. Everything throws what the system answered. */
export interface JournalFiles {
  /** undefined where there is none. */
  read(path: string): string | undefined;
  /** A new, empty file in the place of whatever is there. */
  create(path: string): JournalFile;
  rename(from: string, to: string): void;
  /** Makes a rename to this path outlast a power cut. */
  syncFolder(path: string): void;
}

export interface JournalFile {
  /** At the end; may write a part only, and answers how many bytes it wrote. */
  write(bytes: Uint8Array): number;
  sync(): void;
  truncate(length: number): void;
  close(): void;
}

export const diskFiles: JournalFiles = {
  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  create(path) {
    // Whoever could write here could have the agent write anywhere. `a`: after a truncation, too, writes go to the end.
    const descriptor = openSync(path, 'a', 0o600);
    ftruncateSync(descriptor);
    return {
      write: (bytes) => writeSync(descriptor, bytes),
      sync: () => fsyncSync(descriptor),
      truncate: (length) => ftruncateSync(descriptor, length),
      close: () => closeSync(descriptor),
    };
  },
  rename: renameSync,
  syncFolder(path) {
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  },
};

/** A line with its checksum, CRC-32 in hexadecimal: `2f1c90aa {"type":"close",…}`. */
export function sealLine(json: string): string {
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}`;
}

/** The JSON of a line; undefined where a bit is not as it was written. */
export function openLine(line: string): string | undefined {
  const json = line.slice(9);
  return line === sealLine(json) ? json : undefined;
}
