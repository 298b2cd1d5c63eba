import type { LatencyNode, MeanDelay } from '@sage/causal-graph';
import type { LatencyNodeId } from '@sage/core';
import type { GraphView } from './graph-view.js';
import type { MeanExcesses } from './mean-excess.js';
import { MOSTLY, type Responsibility } from './responsibility.js';

/** By how much longer than usual a node took by itself, in the mean, and whose that is. */
export interface OwnDelay extends MeanDelay {
  readonly service: string;
  /** How far that is from normal. */
  readonly z: number;
}

/**
 * How much longer than usual nodes of `services` took by themselves, as means tell it: exactly, however much longer all else
 * took. Only of nodes in which no other of these services may have a part, as an owner or as one who is called there without
 * client spans: to the model it is the node's, whoever is restored.
 */
export function ownDelays(
  services: readonly string[],
  {
    view,
    responsibility,
    means,
  }: { readonly view: GraphView; readonly responsibility: Responsibility; readonly means: MeanExcesses },
): ReadonlyMap<LatencyNodeId, OwnDelay> {
  const delays = new Map<LatencyNodeId, OwnDelay>();
  for (const service of services) {
    for (const node of view.owned.get(service) ?? []) {
      if (!view.ancestors.has(node.id) || responsibility(service, node.id) < MOSTLY) continue;
      if (services.some((other) => other !== service && mayHavePart(other, node, view))) continue;
      const delay = means.delayOf(node);
      if (delay !== undefined) delays.set(node.id, { service, ...delay });
    }
  }
  return delays;
}

function mayHavePart(service: string, { id, owners }: LatencyNode, { hiddenWays }: GraphView): boolean {
  return owners.includes(service) || (hiddenWays.get(service) ?? []).some(({ node }) => node.id === id);
}
