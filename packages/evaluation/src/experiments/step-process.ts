/** The program that `forkStep` starts: one request in, progress and one answer out, the end. */
import { FitError } from '@sage/gvae';
import { DataError } from '../observed.js';
import type { StepMessage, StepRequest } from './fork-step.js';
import { EXPERIMENTS, stepsOf } from './index.js';

/** Told of progress so often at most: a message costs more than a window simulated. */
const PROGRESS_EVERY_MS = 500;

// Nobody is left to answer: the parent has what it wanted, or was ended.
process.once('disconnect', () => process.exit());

process.once('message', async ({ id, seed, sizes, data }: StepRequest) => {
  const tell = (message: StepMessage) =>
    new Promise<void>((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
  const step = stepsOf(EXPERIMENTS, sizes, data).find((candidate) => candidate.id === id);
  if (step === undefined) throw new Error(`no experiment has the step ${id}`);
  let toldMs = 0;
  try {
    const result = await step.run({
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
});
