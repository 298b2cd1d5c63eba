import { accuracy } from './accuracy.js';
import { closedLoop } from './closed-loop.js';
import type { DataFolders, Experiment, Sizes } from './experiment.js';
import { missingInstrumentation } from './missing-instrumentation.js';
import { realFaults } from './real-faults.js';
import { reconstruction } from './reconstruction.js';
import { rollouts } from './rollouts.js';
import { scale } from './scale.js';
import { sensitivity } from './sensitivity.js';
import type { Step } from './step.js';
import { tracingOverhead } from './tracing-overhead.js';

/** In the order of the report. */
export const EXPERIMENTS: readonly Experiment[] = [
  accuracy,
  reconstruction,
  missingInstrumentation,
  closedLoop,
  rollouts,
  scale,
  sensitivity,
  tracingOverhead,
  realFaults,
];

/** All that has to be measured, each once. */
export function stepsOf(
  experiments: readonly Experiment[],
  sizes: Sizes,
  data: DataFolders,
): readonly Step[] {
  const steps = experiments.flatMap((experiment) => experiment.steps(sizes, data));
  return [...new Map(steps.map((step) => [step.id, step])).values()];
}
