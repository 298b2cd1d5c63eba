import { execFile } from 'node:child_process';
import {
  accessSync,
  appendFileSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorMessage, failure, type Outcome, success } from '@sage/core';

/** Everything of the node that the agent reads or touches. Paths are absolute and below `sysRoot`. */
export interface System {
  /** undefined where the file is missing or may not be read. */
  read(path: string): string | undefined;
  /** Names in a folder; empty where there is none. */
  list(path: string): readonly string[];
  /** Names of the folders in a folder, links not followed; empty where there is none. */
  directories(path: string): readonly string[];
  link(path: string): string | undefined;
  exists(path: string): boolean;
  writable(path: string): boolean;
  /** Throws what the kernel answered; the error's `code` tells which. */
  write(path: string, text: string): void;
  /** One line more: how `tasks` and `cgroup.procs` are fed. */
  append(path: string, text: string): void;
  makeDirectory(path: string): void;
  removeDirectory(path: string): void;
  /** Runs a program with an argument array, never a shell; the value is its standard output. */
  run(program: string, args: readonly string[]): Promise<Outcome<string>>;
  fetch: typeof fetch;
  signal(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export interface SystemOptions {
  readonly sysRoot: string;
  readonly fetch: typeof fetch;
  readonly run?: System['run'];
  readonly signal?: System['signal'];
}

export function createSystem(options: SystemOptions): System {
  const at = (path: string) => join(options.sysRoot, path);
  return {
    read: (path) => orUndefined(() => readFileSync(at(path), 'utf8')),
    list: (path) => orUndefined(() => readdirSync(at(path))) ?? [],
    directories: (path) =>
      (orUndefined(() => readdirSync(at(path), { withFileTypes: true })) ?? [])
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name),
    link: (path) => orUndefined(() => readlinkSync(at(path))),
    exists: (path) => permits(at(path), constants.F_OK),
    writable: (path) => permits(at(path), constants.W_OK),
    write: (path, text) => writeFileSync(at(path), text),
    append: (path, text) => appendFileSync(at(path), text),
    makeDirectory: (path) => mkdirSync(at(path)),
    removeDirectory: (path) => rmdirSync(at(path)),
    run: options.run ?? runProgram,
    fetch: options.fetch,
    signal: options.signal ?? ((pid, signal) => process.kill(pid, signal)),
  };
}

const RUN_TIMEOUT_MS = 5000;

function runProgram(program: string, args: readonly string[]): Promise<Outcome<string>> {
  return new Promise((resolve) => {
    execFile(
      program,
      [...args],
      { timeout: RUN_TIMEOUT_MS, maxBuffer: 1 << 20, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
      (error, stdout, stderr) => {
        if (error === null) resolve(success(stdout));
        else resolve(failure('program', stderr.trim() || errorMessage(error)));
      },
    );
  });
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function permits(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
