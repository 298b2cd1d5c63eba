import { execFile, spawn } from 'node:child_process';
import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
  run(program: string, args: readonly string[], input?: string): Promise<Outcome<string>>;
  /** An flock(2) on a file or folder. The value gives it back; the kernel does when this process ends. */
  lock(path: string): Promise<Outcome<() => void, 'busy' | 'unsupported'>>;
  sleep(ms: number): Promise<void>;
  fetch: typeof fetch;
  signal(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export interface SystemOptions {
  readonly sysRoot: string;
  readonly fetch: typeof fetch;
  readonly run?: System['run'];
  readonly sleep?: System['sleep'];
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
    lock: (path) => lock(at(path)),
    sleep: options.sleep ?? (async (ms) => await sleep(ms)),
    fetch: options.fetch,
    signal: options.signal ?? ((pid, signal) => process.kill(pid, signal)),
  };
}

const RUN_TIMEOUT_MS = 5000;
const LOCK_TIMEOUT_SECONDS = 2;
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

function runProgram(program: string, args: readonly string[], input = ''): Promise<Outcome<string>> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      { timeout: RUN_TIMEOUT_MS, maxBuffer: 4 << 20, env: ENVIRONMENT },
      (error, stdout, stderr) => {
        if (error === null) resolve(success(stdout));
        else resolve(failure('program', stderr.trim() || errorMessage(error)));
      },
    );
    // A program that ends before it has read all says why in its exit status.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/**
 * Node.js cannot call flock(2): flock(1) does, on the open file that it inherits, and the lock stays with that file when
 * flock(1) has ended.
 */
function lock(path: string): Promise<Outcome<() => void, 'busy' | 'unsupported'>> {
  return new Promise((resolve) => {
    const descriptor = openSync(path, 'r');
    const refuse = (reason: 'busy' | 'unsupported', message: string) => {
      closeSync(descriptor);
      resolve(failure(reason, message));
    };
    const args = ['--exclusive', '--timeout', String(LOCK_TIMEOUT_SECONDS), '3'];
    const child = spawn('flock', args, {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
      env: ENVIRONMENT,
    });
    child.once('error', (error) => refuse('unsupported', `flock cannot be run: ${error.message}`));
    child.once('exit', (status) => {
      if (status === 0) resolve(success(() => closeSync(descriptor)));
      else refuse('busy', `${path} has been locked by another program for ${LOCK_TIMEOUT_SECONDS} s`);
    });
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
