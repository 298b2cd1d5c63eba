import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DataError } from '../observed.js';
import type { Progress } from '../progress.js';
import type { DataFolders, Sizes } from './experiment.js';
import { LIFELINE_STDIO } from './lifeline.js';

/** What a process of its own is asked for; it finds the step among those of the experiments. */
export interface StepRequest {
  readonly id: string;
  readonly seed: number;
  readonly sizes: Sizes;
  readonly data: DataFolders;
}

export type StepMessage =
  | { readonly kind: 'progress'; readonly part: number; readonly words: string }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly message: string };

/** Answers with `answerStep` of nothing but this package; a live application is none of it. */
const STEP_PROGRAM = fileURLToPath(new URL('./step-main.js', import.meta.url));

/**
 * Runs a step in a process of its own, so that several run side by side and the memory of one is not that of all; it ends
 * with this one, however this one ends. Rejects with a DataError for what cannot be measured, with another error where the
 * process broke. `program`: a file that calls `answerStep`.
 */
export function forkStep(
  request: StepRequest,
  progress: Progress,
  program: string = STEP_PROGRAM,
): Promise<unknown> {
  const child = fork(program, { stdio: LIFELINE_STDIO });
  return new Promise((resolve, reject) => {
    child.on('message', (message: StepMessage) => {
      if (message.kind === 'progress') progress(message.part, message.words);
      else if (message.kind === 'result') resolve(message.result);
      else reject(new DataError(message.message));
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      reject(new Error(`the process of ${request.id} ended with ${signal ?? code} before its answer`));
    });
    child.send(request);
  });
}
