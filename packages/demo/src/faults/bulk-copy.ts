import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { awaitMessage, endChild, type RunningComponent } from '../application/index.js';

const PROGRAM = fileURLToPath(new URL('./bulk-copy-main.js', import.meta.url));
const READY_TIMEOUT_MS = 15_000;
const GRACE_MS = 500;

export interface BulkCopyOptions {
  /** Kept on the way at any time, bytes. */
  readonly windowBytes: number;
  readonly bytesPerSecond: number;
  readonly env: NodeJS.ProcessEnv;
}

/** Copies data from the hub into a component's network namespace until the returned function is called. */
export async function startBulkCopy(
  component: RunningComponent,
  options: BulkCopyOptions,
): Promise<() => Promise<void>> {
  const children: ChildProcess[] = [];
  const start = (command: readonly string[]) => {
    const child = spawn(command[0] as string, command.slice(1), {
      detached: true,
      env: options.env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    children.push(child);
    return awaitMessage<{ kind: 'ready'; port: number }>(child, 'ready', {
      name: 'the bulk copy',
      timeoutMs: READY_TIMEOUT_MS,
    });
  };
  const stop = async () => {
    await Promise.all(children.map((child) => endChild(child, GRACE_MS)));
  };
  const { host } = component.address;
  const node = [process.execPath, PROGRAM];
  try {
    const { port } = await start(['nsenter', '-t', `${component.pid}`, '-n', ...node, 'sink', host]);
    const limits = [port, options.windowBytes, options.bytesPerSecond].map((value) => `${Math.round(value)}`);
    await start([...node, 'source', host, ...limits]);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
