import { FitError } from '@sage/gvae';
import { DataError } from '../observed.js';
import type { StepMessage, StepRequest } from './fork-step.js';
import { EXPERIMENTS, stepsOf } from './index.js';
import { endWithParent } from './lifeline.js';
import type { StepContext } from './step.js';

/** Told of progress so often at most: a message costs more than a window simulated. */
const PROGRESS_EVERY_MS = 500;

/** What steps can do beyond this package. */
export type StepTools = Pick<StepContext, 'startApplication'>;

/** The program of a process that `forkStep` starts: one request in, progress and one answer out, the end. */
export function answerStep(tools: StepTools = {}): void {
  endWithParent();
  // So that what is undone at the end is undone at this one, too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit());
  process.once('message', (request: StepRequest) => answer(request, tools));
}

async function answer({ id, seed, sizes, data }: StepRequest, tools: StepTools): Promise<void> {
  const tell = (message: StepMessage) =>
    new Promise<void>((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
  const step = stepsOf(EXPERIMENTS, sizes, data).find((candidate) => candidate.id === id);
  if (step === undefined) throw new Error(`no experiment has the step ${id}`);
  let toldMs = 0;
  try {
    const result = await step.run({
      ...tools,
      seed,
      nowMs: () => performance.now(),
      memoryBytes: () => process.memoryUsage().rss,
      progress: (part, words) => {
        if (performance.now() - toldMs < PROGRESS_EVERY_MS) return;
        toldMs = performance.now();
        void tell({ kind: 'progress', part, words });
      },
    });
    await tell({ kind: 'result', result });
  } catch (error) {
    if (!(error instanceof DataError || error instanceof FitError)) throw error;
    await tell({ kind: 'failed', message: error.message });
  }
  process.disconnect();
}
