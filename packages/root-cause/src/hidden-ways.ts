import type { LatencyNode } from '@sage/causal-graph';
import type { LatencyNodeId } from '@sage/core';
import { type NodeAnomaly, noSigns, type ServiceSigns } from './anomaly.js';
import { isWaitMeasured } from './directness.js';
import type { GraphView, HiddenWay } from './graph-view.js';
import { meetsQueue, PROBE_NOTED_Z, probedDelayMs } from './probe.js';
import { peerOf } from './standing.js';

/** Probes tell a mean; of exponential waits, as queues make them, the p95 is about three times as long. */
const TAIL_RATIO = 3;
/** Calls a request, below which what they take does not reach its p95. */
const LEAST_CALLS = 0.05;

/**
 * Parts of callers' own time that are really the ways to whom they call without client spans: of the excess the calls'
 * number times what the callee's link takes longer, in the tail; all of a tail of retransmissions where probes got lost; or
 * the part that the way itself is known by.
 * Node → callee → part; those of a node sum to at most 1.
 */
export function lendHiddenWays(
  signs: ReadonlyMap<string, ServiceSigns>,
  hiddenWays: GraphView['hiddenWays'],
): ReadonlyMap<LatencyNodeId, ReadonlyMap<string, number>> {
  const lent = new Map<LatencyNodeId, Map<string, number>>();
  for (const [callee, ways] of hiddenWays) {
    const partOf = partByLink(signs.get(callee) ?? noSigns(callee));
    for (const way of ways) {
      const { node } = way;
      const caller = node.rpc.callee;
      const slow = signs.get(caller)?.exclusive.find((entry) => entry.node.id === node.id);
      if (caller === callee || slow === undefined) continue;
      const part = way.part ?? partOf(slow, way);
      if (part <= 0) continue;
      const parts = lent.get(node.id) ?? new Map<string, number>();
      lent.set(node.id, parts);
      const taken = [...parts.values()].reduce((sum, other) => sum + other, 0);
      parts.set(callee, Math.max(0, Math.min(part, 1 - taken)));
    }
  }
  return lent;
}

function partByLink(own: ServiceSigns) {
  const isLossy = own.features.some(
    ({ feature, z }) => feature === 'network_probe_failure_ratio' && z >= PROBE_NOTED_Z,
  );
  const delayMs = Math.max(TAIL_RATIO * probedDelayMs(own), seenMs(own));
  return (slow: NodeAnomaly, { callsPerChild }: HiddenWay): number => {
    const excessMs = Math.max(slow.observedMs - slow.expectedMs, slow.medianExcessMs);
    if (excessMs <= 0) return 0;
    if (isLossy && slow.isLossy) return 1;
    if (callsPerChild < LEAST_CALLS) return 0;
    // Of requests that wait for it now and then the slow ones wait for it in full.
    return (Math.max(1, callsPerChild) * delayMs) / excessMs;
  };
}

/**
 * What calls over a link take longer that has a queue, as its probes tell, small as they are, or that nobody probes: as
 * much as it is with each peer that calls are seen of. 0 where none are. Were it the peers' doing, the caller would wait for
 * it in what it calls, and be no slower by itself.
 */
function seenMs(own: ServiceSigns): number {
  if (isWaitMeasured(own, 'network') && !meetsQueue(own)) return 0;
  const byPeer = new Map<string, number>();
  for (const { node, excessMs } of own.shared) {
    const peer = peerOf(own.service, node);
    if (peer !== undefined) byPeer.set(peer, Math.max(byPeer.get(peer) ?? 0, excessMs));
  }
  return byPeer.size === 0 ? 0 : Math.min(...byPeer.values());
}

/** Whether a service's own time at a node holds the ways of calls that it makes without client spans. */
export function holdsWays({ kind, parents }: LatencyNode): boolean {
  return kind === 'server' && parents.some(({ node }) => node.startsWith('server|'));
}
