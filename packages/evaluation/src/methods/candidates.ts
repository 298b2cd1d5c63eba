import { ancestorServices } from '@sage/causal-graph';
import { objectiveNode } from '@sage/core';
import type { Evidence } from '../observed.js';

/** The services that can have made the objective's operation slow. */
export function candidates({ graph, objective }: Evidence): readonly string[] {
  return ancestorServices(graph, objectiveNode(objective));
}
