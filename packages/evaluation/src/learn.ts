import { buildCausalGraph, type CallGraph, type CausalGraph } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import { type FittedModel, fitModel } from '@sage/gvae';
import type { Training } from './observed.js';
import type { Progress } from './progress.js';

export interface Learnt {
  readonly graph: CausalGraph;
  readonly model: FittedModel;
  readonly training: Training;
}

export interface LearnOptions {
  readonly seed: number;
  readonly progress: Progress;
  readonly nowMs: () => number;
}

/** From windows without a known fault to a model, as the engine does it. */
export async function learn(
  callGraph: CallGraph,
  windows: readonly Window[],
  { seed, progress, nowMs }: LearnOptions,
): Promise<Learnt> {
  const graph = buildCausalGraph(callGraph);
  const started = nowMs();
  const model = await fitModel(graph, windows, {
    seed,
    onProgress: ({ epoch, epochs, r2 }) =>
      progress(epoch / epochs, `epoch ${epoch} of at most ${epochs}, R² ${r2.toFixed(3)}`),
  });
  const seconds = (nowMs() - started) / 1000;
  return {
    graph,
    model,
    training: { r2: model.overallR2, foretoldR2: model.foretoldR2, seconds, windows: windows.length },
  };
}
