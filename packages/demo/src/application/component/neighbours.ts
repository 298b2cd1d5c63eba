import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Busy processes beside this one: same session (so the same scheduler autogroup), same control group, same core.
 * They end with this process: the IPC channel tells them.
 */
export class Neighbours {
  readonly #command: readonly string[];
  #children: ChildProcess[] = [];

  constructor(command: readonly string[]) {
    this.#command = command;
  }

  /** As many as told from now on; 0 ends them all. */
  async set(count: number): Promise<readonly number[]> {
    const surplus = this.#children.splice(count);
    await Promise.all(surplus.map(end));
    while (this.#children.length < count) {
      const [program = '', ...args] = this.#command;
      const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      child.unref();
      child.channel?.unref();
      this.#children.push(child);
    }
    return this.#children.flatMap((child) => child.pid ?? []);
  }
}

/** SIGKILL ends a stopped process, too: an actuator may have suspended it. */
function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
    child.kill('SIGKILL');
  });
}
