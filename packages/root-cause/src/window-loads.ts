import type { CausalGraph } from '@sage/causal-graph';
import { callsPerSecond, type Objective, readObjective } from '@sage/core';
import { readOnce } from './read-once.js';

/** Requests per second in a window that met an objective, NaN in any other. */
export const loadWhereMet = readOnce((objective: Objective, window) => {
  const reading = readObjective(objective, window);
  return reading.observedMs !== undefined && !reading.broken ? reading.requestsPerSecond : Number.NaN;
});

/** Requests per second of each root of a graph, in its order. */
export const rootLoads = readOnce(({ roots }: Pick<CausalGraph, 'roots'>, window) =>
  Float64Array.from(roots, (root) => callsPerSecond(window, root)),
);
