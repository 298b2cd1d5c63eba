import type { StdioOptions } from 'node:child_process';
import { Worker } from 'node:worker_threads';

/** Where a process that `LIFELINE_STDIO` is of holds its end of the pipe: its standard input, which it has no other use for. */
export const LIFELINE_FD = 0;

/** For `fork`: a pipe that nobody writes to. The system closes it when the parent ends, whatever ended it. */
export const LIFELINE_STDIO: StdioOptions = ['pipe', 'inherit', 'inherit', 'ipc'];

/**
 * Ends this process with the parent that forked it with `LIFELINE_STDIO`: in good order, `exit` listeners and all, where it
 * hears of it within a second; or else, computing without a pause, by SIGKILL.
 */
export function endWithParent(): void {
  process.once('disconnect', () => process.exit());
  new Worker(new URL('./lifeline-watch.js', import.meta.url)).unref();
}
