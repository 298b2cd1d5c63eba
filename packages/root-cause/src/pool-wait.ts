import type { LatencyNode } from '@sage/causal-graph';
import { type FeatureName, RESOURCES, type Resource } from '@sage/core';
import { CONVINCING, type NodeAnomaly, type ServiceSigns, strength } from './anomaly.js';
import { isWaitMeasured } from './directness.js';

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

/** Of a callee without spans nobody sees whether it serves as fast as ever: a wait for its connections says less. */
const UNSEEN_PART = 0.75;

/**
 * How far a caller's wait for a connection explains a slow way there to a callee that serves as fast as ever, or a slow
 * call of one that nobody sees serve.
 */
export function poolWaitClaim(
  signs: ServiceSigns,
  { node, meanExcessMs }: NodeAnomaly,
  calleeServes: () => Serving,
): number {
  if (node.rpc.caller !== signs.service || meanExcessMs <= 0) return 0;
  if (node.kind !== 'request' && node.kind !== 'client') return 0;
  const wait = signs.features.find(({ feature }) => feature === 'software_pool_wait_ms');
  const isNoted = signs.features.some(({ feature, z }) => POOL_QUEUE.includes(feature) && z >= POOL_NOTED_Z);
  if (wait === undefined || !isNoted) return 0;
  const serving = calleeServes();
  const isWay = node.kind === 'request' && serving === 'as usual';
  const isBare = node.kind === 'client' && serving === 'unseen';
  if (!isWay && !isBare) return 0;
  const explained = Math.min(1, Math.max(0, wait.observed - wait.expected) / meanExcessMs);
  // A slow callee holds connections, too; what then is left unexplained is the time that it takes itself.
  return CONVINCING * (isBare ? UNSEEN_PART * explained : 1) * explained;
}

/** A slow way speaks for what might make it slow at half the strength of something that was measured. */
const UNMEASURED_PART = 0.5;
/** Strength of what is out of the ordinary. */
const ODD = strength(6);

function isPoolMeasured({ features }: ServiceSigns): boolean {
  return features.some(({ feature }) => POOL_QUEUE.includes(feature));
}

/** How slow the way to a callee is, in strengths, for nothing that the callee is measured to suffer. */
export interface SlowCallee {
  readonly strength: number;
  readonly isLossy: boolean;
}

/**
 * How far a caller explains a slow way to a callee by what nobody measures: what several of its callees have in common is
 * that caller, and each of them would have to be at fault by itself. That is its waits for connections, where those are
 * not measured; a pool leads to one callee, so that ways that are as fast as ever say nothing against it. And where all
 * of them lose packets it is its link, which probes seldom find out. With k others: ½·strength·min(1, k)·(k + ½)/(k + 1).
 */
export function commonCauseClaim(
  signs: ServiceSigns,
  shared: NodeAnomaly,
  callees: ReadonlyMap<string, SlowCallee>,
): number {
  const own = strength(shared.z);
  if (own <= 0 || !waitsForConnection(signs.service, shared)) return 0;
  const isMeasured = isPoolMeasured(signs);
  const alike = [...callees].filter(
    ([callee, { isLossy }]) =>
      callee !== shared.node.rpc.callee && (!isMeasured || (shared.isLossy && isLossy)),
  );
  const k = alike.reduce((sum, [, other]) => sum + Math.min(1, Math.max(0, other.strength) / ODD), 0);
  return (UNMEASURED_PART * own * Math.min(1, k) * (k + 0.5)) / (k + 1);
}

/** Locks are never measured, and losses seldom met by probes. */
const NEVER_CLEARED: readonly Resource[] = ['software', 'network'];

/**
 * The least part of a call of one span that is its caller's: where neither suffers anything that is measured, and the
 * caller's waits for connections are not measured, they are as likely as each want of its callee that nothing clears it of.
 */
export function unseenPoolPart(caller: ServiceSigns, callee: ServiceSigns, { node }: NodeAnomaly): number {
  if (node.kind !== 'client' || isPoolMeasured(caller)) return 0;
  const wants = RESOURCES.filter((want) => NEVER_CLEARED.includes(want) || !isWaitMeasured(callee, want));
  return 1 / (1 + wants.length);
}

/** Whether a service's waits for a connection show in a node: the way of a call there, or all of it where it is one span. */
export function waitsForConnection(service: string, { node }: NodeAnomaly): boolean {
  return node.rpc.caller === service && (node.kind === 'request' || node.kind === 'client');
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
