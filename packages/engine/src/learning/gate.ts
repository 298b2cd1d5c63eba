import type { CausalGraph, CausalModel } from '@sage/causal-graph';
import type { Window } from '@sage/core';

/** Windows for which the call graph must not have changed before a model is made of it. */
const STABLE_WINDOWS = 5;

export interface LearningFacts {
  /** Of the present model, if there is one. */
  readonly present: CausalGraph | undefined;
  /** Windows in the history that something can be learnt from. */
  readonly windows: number;
  /** Windows with traffic in a row in which the call graph has been what it is. */
  readonly stableFor: number;
  /** Windows with traffic since the call graph began to be put together. */
  readonly graphAge: number;
  readonly minWindows: number;
}

/**
 * Whether a model of the graph shall be made. The call graph is empty at the start and after a long silence: for a while
 * it may lack rare calls, so that only after as many windows as a first model needs it may supersede the present one's.
 */
export function readyToLearn(
  graph: CausalGraph,
  { present, windows, stableFor, graphAge, minWindows }: LearningFacts,
): boolean {
  if (graph.latency.length === 0 || windows < minWindows || stableFor < STABLE_WINDOWS) return false;
  return present === undefined || present.fingerprint === graph.fingerprint || graphAge >= minWindows;
}

/** Windows held out to judge a new model by: a twentieth, within these bounds. What has changed in them is not learnt yet. */
const FEWEST_HELD_OUT = 10;
const MOST_HELD_OUT = 60;

/** The newest of what there is to learn from: those that a new model and the present one are compared on. */
export function judgedBy(windows: readonly Window[]): readonly Window[] {
  return windows.slice(-Math.min(MOST_HELD_OUT, Math.max(FEWEST_HELD_OUT, Math.floor(windows.length / 20))));
}

/** R² may fall by this much before a new model counts as worse: the noise of a small hold-out. */
const TOLERANCE = 0.02;

/**
 * R² of p99 over windows: 1 − Σ(observed − expected)² / Σ(observed − mean)², in log space so that no slow node
 * outweighs the rest, averaged over latency nodes. undefined where nothing can be compared.
 */
export function r2On(model: CausalModel, windows: readonly Window[]): number | undefined {
  const byNode = new Map<string, { observed: number; expected: number }[]>();
  for (const window of windows) {
    const abduction = model.abduct(window);
    for (const { id } of model.graph.latency) {
      const residual = abduction.residual(id, 'p99Ms');
      if (residual === undefined) continue;
      const pairs = byNode.get(id) ?? [];
      pairs.push({
        observed: Math.log1p(residual.observedMs),
        expected: Math.log1p(Math.max(0, residual.expectedMs)),
      });
      byNode.set(id, pairs);
    }
  }
  const scores = [...byNode.values()].flatMap((pairs) => {
    const mean = pairs.reduce((sum, { observed }) => sum + observed, 0) / pairs.length;
    const total = pairs.reduce((sum, { observed }) => sum + (observed - mean) ** 2, 0);
    const rest = pairs.reduce((sum, { observed, expected }) => sum + (observed - expected) ** 2, 0);
    return total > 1e-9 ? [Math.max(-1, 1 - rest / total)] : [];
  });
  return scores.length === 0 ? undefined : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** Why the new model is not taken, or undefined when it is. `heldOut` are windows it has not learnt from. */
export function refusal(
  next: CausalModel,
  current: CausalModel,
  heldOut: readonly Window[],
): string | undefined {
  if (next.graph.fingerprint !== current.graph.fingerprint) return undefined;
  const [nextR2, currentR2] = [r2On(next, heldOut), r2On(current, heldOut)];
  if (nextR2 === undefined || currentR2 === undefined || nextR2 >= currentR2 - TOLERANCE) return undefined;
  return `R² ${nextR2.toFixed(3)} on the last ${heldOut.length} windows, the present model has ${currentR2.toFixed(3)}`;
}
