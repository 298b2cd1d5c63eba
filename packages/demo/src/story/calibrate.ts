import { median, type Objective, objectiveNode, type Window } from '@sage/core';

/** What the demo promises its users, before the threshold is known. */
export const DEMO_OBJECTIVES = [
  { name: 'search', service: 'frontend', operation: 'HTTP GET /hotels', percentile: 'p99Ms' },
  { name: 'recommend', service: 'frontend', operation: 'HTTP GET /recommendations', percentile: 'p99Ms' },
] as const satisfies readonly Omit<Objective, 'thresholdMs'>[];

/** A threshold that no calm traffic breaks: what objectives have until the calm has been watched. */
export const PROVISIONAL_THRESHOLD_MS = 60_000;

const OVER_MEDIAN = 2.5;
const LEAST_MS = 40;
const STEP_MS = 5;

/**
 * Sets the objectives as an operator would after watching calm traffic: two and a half times the usual latency,
 * rounded up to 5 ms. Machines differ too much for fixed thresholds. One bad moment of the calm says nothing: the median does not move
 * with it.
 */
export function calibrateObjectives(windows: readonly Window[]): Objective[] {
  return DEMO_OBJECTIVES.map((objective) => {
    const node = objectiveNode(objective);
    const latencies = windows.flatMap((window) => window.latency.get(node)?.[objective.percentile] ?? []);
    if (latencies.length === 0)
      throw new Error(`no request of ${objective.operation} was seen in ${windows.length} windows`);
    const wanted = Math.max(LEAST_MS, OVER_MEDIAN * median(latencies));
    return { ...objective, thresholdMs: Math.ceil(wanted / STEP_MS) * STEP_MS };
  });
}
