/** Waits for the answer of a step that never comes. */
import { fileURLToPath } from 'node:url';
import { forkStep } from '../src/experiments/fork-step.js';
import { QUICK } from '../src/experiments/sizes.js';

await forkStep(
  { id: 'tracing-overhead', seed: 1, sizes: QUICK, data: {} },
  () => {},
  fileURLToPath(new URL('./busy-step.js', import.meta.url)),
);
