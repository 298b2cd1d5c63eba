import { buildCausalGraph, type CausalGraph } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import type { Topology } from '@sage/simulator';
import type { Progress } from '../src/progress.js';
import { listen } from '../src/suites/simulated-run.js';
import { planTopology } from '../src/suites/simulated-world.js';

const WINDOW_SECONDS = 30;

export interface TrainingOptions {
  readonly trainWindows: number;
  readonly seed: number;
  readonly progress?: Progress;
}

/** What a model learns from: an application at its usual load, with ordinary disturbances, three requests in ten traced. */
export async function simulatedTraining(
  topology: Topology,
  { trainWindows, seed, progress = () => {} }: TrainingOptions,
): Promise<{ readonly windows: readonly Window[]; readonly graph: CausalGraph }> {
  const options = {
    topology: topology.name,
    seed,
    trainWindows,
    windowSeconds: WINDOW_SECONDS,
    faults: 0,
    concurrent: 1,
    replicas: 1,
    calmTraining: false,
    requestsPerSecond: 50,
    sampling: 0.3,
    uninstrumented: 0,
    nowMs: () => performance.now(),
    progress,
  };
  const plan = planTopology(topology, options, 0);
  const { windows, callGraph } = await listen(options, plan);
  if (callGraph === undefined) throw new Error('no window was given out at the end of the training');
  const graph = buildCausalGraph(callGraph);
  return { graph, windows: windows.filter(({ endMs }) => endMs <= plan.trainEndMs) };
}
