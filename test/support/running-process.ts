import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { REPOSITORY } from './repository.js';

const KEPT_CHARACTERS = 20_000;
const PATIENCE_MS = 15_000;

/** A program under test. What it writes is kept, up to a limit, for the message of a failure. */
export class RunningProcess {
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  #output = '';
  #over = false;

  constructor(
    command: string,
    args: readonly string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    this.#child = spawn(command, args, {
      cwd: options.cwd ?? REPOSITORY,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk).slice(-KEPT_CHARACTERS);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.exited = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', (code) => {
        this.#over = true;
        resolve(code);
      });
    });
    // Whoever waits for the end gets the error; whoever does not must not be ended by it.
    this.exited.catch(() => {});
  }

  get output(): string {
    return this.#output;
  }

  get over(): boolean {
    return this.#over;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks it to end and, if it does not, makes it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#over) return;
    this.#child.kill(signal);
    const ended = await Promise.race([
      this.exited.then(() => true),
      sleep(PATIENCE_MS, false, { ref: false }),
    ]);
    if (!ended) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/** Asks again and again until `question` gives something, or fails with what was waited for and `context()`. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  question: () => Promise<T | undefined>,
  context: () => string = () => '',
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  let lastError: unknown;
  while (performance.now() < endMs) {
    try {
      const answer = await question();
      if (answer !== undefined) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await sleep(500);
  }
  const reason = lastError === undefined ? '' : `; last error: ${String(lastError)}`;
  throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}${reason}\n${context()}`);
}
