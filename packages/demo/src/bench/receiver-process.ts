import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { awaitMessage, endChild } from '../application/index.js';
import type { ReceiverCommand, ReceiverReport, ReceiverRole, ReceiverSettings } from './receiver-messages.js';

const PROGRAM = fileURLToPath(new URL('./receiver-main.js', import.meta.url));
const NAME = 'the receiver';
/** Sage loads a model's libraries first, on processors that others are busy on. */
const PATIENCE_MS = 60_000;

type Became = Extract<ReceiverReport, { readonly kind: 'became' }>;
type Reading = Extract<ReceiverReport, { readonly kind: 'reading' }>;

/** Sage, a sink or nobody in a process of its own. Its methods reject where that process has ended. */
export class ReceiverProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(
    settings: ReceiverSettings,
    options: { readonly env: NodeJS.ProcessEnv; readonly stderr: number },
  ): Promise<ReceiverProcess> {
    const child = fork(PROGRAM, [JSON.stringify(settings)], {
      detached: true,
      env: options.env,
      stdio: ['ignore', 'ignore', options.stderr, 'ipc'],
    });
    try {
      await awaitMessage(child, 'ready', { name: NAME, timeoutMs: PATIENCE_MS });
      return new ReceiverProcess(child);
    } catch (error) {
      await endChild(child, 0);
      throw error;
    }
  }

  async become(role: ReceiverRole): Promise<void> {
    const { problem } = await this.#ask<Became>({ kind: 'become', role }, 'became');
    if (problem !== undefined) throw new Error(`${NAME} does not become ${role}: ${problem}`);
  }

  /** These end with this process, however it ends, even where they are stopped. */
  guard(pids: readonly number[]): void {
    this.#child.send({ kind: 'guard', pids } satisfies ReceiverCommand);
  }

  read(): Promise<Reading> {
    return this.#ask<Reading>({ kind: 'read' }, 'reading');
  }

  close(): Promise<void> {
    return endChild(this.#child, 1000);
  }

  #ask<R extends ReceiverReport>(command: ReceiverCommand, kind: R['kind']): Promise<R> {
    const answer = awaitMessage<R>(this.#child, kind, { name: NAME, timeoutMs: PATIENCE_MS });
    this.#child.send(command);
    return answer;
  }
}
