import { type ChildProcess, execFile } from 'node:child_process';

/** The next message of a kind from a child; rejects when it exits first or says nothing for `timeoutMs`. */
export function awaitMessage<T extends { readonly kind: string }>(
  child: ChildProcess,
  kind: T['kind'],
  options: { readonly name: string; readonly timeoutMs: number },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.off('error', onError);
      act();
    };
    const onMessage = (message: unknown) => {
      if ((message as T).kind === kind) finish(() => resolve(message as T));
    };
    const onExit = (code: number | null, signal: string | null) =>
      finish(() =>
        reject(new Error(`${options.name} ended with ${signal ?? `exit code ${code}`} before it was ready`)),
      );
    const onError = (error: Error) => finish(() => reject(new Error(`${options.name}: ${error.message}`)));
    const timer = setTimeout(
      () =>
        finish(() => reject(new Error(`${options.name} was not ready after ${options.timeoutMs / 1000} s`))),
      options.timeoutMs,
    );
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.on('error', onError);
  });
}

/** SIGTERM, and SIGKILL to its whole group after `graceMs`. Resolves when it is gone. */
export async function endChild(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(timer);
  }
  try {
    // What it started itself, where it led a group of its own.
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody was left in the group.
  }
}

/** Runs a tool to its end. Rejects with what it wrote to standard error. */
export function runTool(program: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: 10_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${[program, ...args].join(' ')}: ${stderr.trim() || error.message}`));
    });
    // A tool that ends early closes its input; its exit status tells the story.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}
