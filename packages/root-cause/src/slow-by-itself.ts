import type { LatencyNode } from '@sage/causal-graph';
import type { LatencyNodeId, Percentile, Window } from '@sage/core';
import type { NodeAnomaly, ServiceSigns } from './anomaly.js';
import type { GraphView } from './graph-view.js';
import { holdsWays } from './hidden-ways.js';
import type { NormalReference } from './normal-reference.js';
import { MOSTLY, type Responsibility } from './responsibility.js';
import { peerOf } from './standing.js';

/** Of what a node takes longer than usual, nothing that what it waits for takes longer could account for. */
const NOTHING = 0.1;

export interface SlownessFacts {
  readonly view: Pick<GraphView, 'nodes'>;
  readonly window: Window;
  readonly reference: Pick<NormalReference, 'latency'>;
  readonly percentile: Percentile;
  readonly responsibility: Responsibility;
  /** z from which on something is out of the ordinary. */
  readonly threshold: number;
}

/**
 * Whether what is mostly a service's, the most of it, is slow beside what the model expects and beside its normal self, while
 * all that it waits for is as fast as ever: a model may be wrong where trouble takes it out of what it has learnt, but
 * nothing that it was handed was out of that. What the service shares with `others` may be theirs, and so may their links in
 * its own time.
 */
export function isSlowByItself(own: ServiceSigns, others: readonly string[], facts: SlownessFacts): boolean {
  const { threshold, responsibility } = facts;
  const addedMs = ({ observedMs, expectedMs }: NodeAnomaly): number => observedMs - expectedMs;
  const [most] = [...own.exclusive, ...own.shared]
    .filter(({ node }) => responsibility(own.service, node.id) >= MOSTLY)
    .sort((a, b) => addedMs(b) - addedMs(a));
  return (
    most !== undefined &&
    Math.min(most.z, most.slowness) >= threshold &&
    !mayBeOf(others, own.service, most, facts) &&
    excessOfParentsMs(most.node, facts) <= NOTHING * excessMs(most.node.id, facts)
  );
}

function mayBeOf(
  others: readonly string[],
  service: string,
  { node }: NodeAnomaly,
  { view }: SlownessFacts,
): boolean {
  const peer = peerOf(service, node);
  if (peer !== undefined) return others.includes(peer);
  const callees = node.parents.map((parent) => view.nodes.get(parent.node)?.rpc.callee ?? '');
  return holdsWays(node) && callees.some((callee) => others.includes(callee));
}

function excessOfParentsMs({ parents }: LatencyNode, facts: SlownessFacts): number {
  return parents.reduce((sum, { node }) => sum + Math.max(0, excessMs(node, facts)), 0);
}

/** What nobody knows may be anything. */
function excessMs(id: LatencyNodeId, { window, reference, percentile }: SlownessFacts): number {
  const observedMs = window.latency.get(id)?.[percentile];
  const normal = reference.latency(id, percentile);
  if (observedMs === undefined) return 0;
  return normal === undefined ? Number.POSITIVE_INFINITY : observedMs - normal.center;
}
