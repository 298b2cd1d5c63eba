import type { LatencyNode } from '@sage/causal-graph';
import type { FeatureName } from '@sage/core';
import { CONVINCING, type NodeAnomaly, type ServiceSigns } from './anomaly.js';

/** Slowness from which on a callee serves slowly. */
const SERVED_SLOWLY_Z = 6;
/**
 * Of a pool's queue, which is seen twice: by how long one waits in it and by how many do, the rate of calls times as
 * long (Little's law), so that of many calls the latter shows first. From here on of either it is asked how much of a
 * slow way there the wait explains.
 */
const POOL_NOTED_Z = 3;
const POOL_QUEUE: readonly FeatureName[] = ['software_pool_wait_ms', 'software_pool_pending'];

/** Whether a callee serves a kind of call, and answers it, as fast as ever. */
export type Serving = 'as usual' | 'slowly' | 'unseen';

/** Whether it is measured how long a service waits for connections, or how many of its calls do. */
export function isPoolMeasured({ features }: ServiceSigns): boolean {
  return features.some(({ feature }) => POOL_QUEUE.includes(feature));
}

/** Whether a service's waits for a connection show in a node: the way of a call there, or all of it where it is one span. */
export function waitsForConnection(service: string, { rpc, kind }: LatencyNode): boolean {
  return rpc.caller === service && (kind === 'request' || kind === 'client');
}

/** Of a callee without spans nobody sees whether it serves as fast as ever: a wait for its connections says less. */
const UNSEEN_PART = 0.75;

/**
 * The part, 0..1, of what is unexplained of a call that waiting for a connection takes; undefined where that is not measured,
 * or there is nothing to explain.
 */
export function explainedByWait(
  { features }: ServiceSigns,
  { meanExcessMs }: NodeAnomaly,
): number | undefined {
  const wait = features.find(({ feature }) => feature === 'software_pool_wait_ms');
  if (wait === undefined || meanExcessMs <= 0) return undefined;
  return Math.min(1, Math.max(0, wait.observed - wait.expected) / meanExcessMs);
}

/**
 * How far a caller's wait for a connection explains a slow way there to a callee that serves as fast as ever, or is not
 * what it waits for, or a slow call of one that nobody sees serve.
 */
export function poolWaitClaim(signs: ServiceSigns, entry: NodeAnomaly, calleeServes: () => Serving): number {
  const { node } = entry;
  if (!waitsForConnection(signs.service, node)) return 0;
  const { lacksConnections = false } = signs;
  const isNoted =
    lacksConnections ||
    signs.features.some(({ feature, z }) => POOL_QUEUE.includes(feature) && z >= POOL_NOTED_Z);
  const explained = explainedByWait(signs, entry);
  if (explained === undefined || !isNoted) return 0;
  const serving = calleeServes();
  const isWay = node.kind === 'request' && (lacksConnections || serving === 'as usual');
  const isBare = node.kind === 'client' && serving === 'unseen';
  if (!isWay && !isBare) return 0;
  // A slow callee holds connections, too; what then is left unexplained is the time that it takes itself.
  return CONVINCING * (isBare ? UNSEEN_PART * explained : 1) * explained;
}

/**
 * Whether the callee of a call was slow in serving that very kind of call, or in answering it: both keep connections.
 */
export function servingOf(node: LatencyNode, callee: ServiceSigns | undefined): Serving {
  const served = callee?.exclusive.find(
    ({ node: other }) => other.kind === 'server' && isSameRpc(other, node),
  );
  if (served === undefined) return 'unseen';
  const answered = callee?.shared.find(
    ({ node: other }) => other.kind === 'response' && isSameRpc(other, node),
  );
  return Math.max(served.slowness, answered?.z ?? 0) < SERVED_SLOWLY_Z ? 'as usual' : 'slowly';
}

function isSameRpc({ rpc }: LatencyNode, { rpc: other }: LatencyNode): boolean {
  return rpc.operation === other.operation && rpc.caller === other.caller && rpc.callee === other.callee;
}
