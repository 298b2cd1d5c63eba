import type { LatencyNode } from '@sage/causal-graph';
import { type LatencyNodeId, rpcId } from '@sage/core';
import { CONVINCING, type NodeAnomaly, type ServiceSigns, strength } from './anomaly.js';
import { directContention } from './directness.js';

/** What an owner of a shared node is suspected for, from signs that are its own alone. */
export interface Claim {
  readonly owner: string;
  /** In units of z above noise, 0 and up. */
  readonly strength: number;
  /** Whether it is the one that is called, and the node not its answer. */
  readonly isCallee?: boolean;
}

/** Strength that everybody is given: what cannot be told apart is split about evenly. */
const PRIOR = 2;
/** The callee is given a little more, but for its answers: a call that waits to be taken shows on the way to it, too. */
const CALLEE_PRIOR = 2.5;
/**
 * How sharply the stronger claim explains the weaker one away: odds grow with this power of the ratio. Sharp, because
 * what is wrongly left of a latency ten times the objective still breaks it.
 */
const SHARPNESS = 6;

/**
 * Explaining away: a slow node with two owners needs one cause only, so the owner with signs of its own takes the
 * blame and clears the other. Weight (prior + strength)^6, normalised: the parts sum to 1. Equal strengths give equal
 * parts, 28 against 12 gives 0.990, 1 against nothing 0.92.
 */
export function splitBlame(claims: readonly Claim[]): ReadonlyMap<string, number> {
  const weights = claims.map(
    ({ strength: own, isCallee }) => ((isCallee ? CALLEE_PRIOR : PRIOR) + Math.max(0, own)) ** SHARPNESS,
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return new Map(claims.map((claim, index) => [claim.owner, (weights[index] as number) / total]));
}

/** A pool that runs dry is as often the effect of the slow call as its cause, unless the call itself is as fast as ever. */
const POOL_PART = 0.2;
/** Slowness from which on a callee serves slowly. */
const SERVED_SLOWLY_Z = 6;
/** Wait for a pool from which on it is asked how much of a slow way there it explains. */
const POOL_NOTED_Z = 3;
/** The owner's own compute being slow speaks for it at half the strength of something it was seen to wait for. */
const RESIDUAL_PART = 0.5;
/** What other links say of an owner's link, where its link itself is measured and fine. */
const MEASURED_FINE_PART = 0.2;
const MEASURED_FINE_BELOW = 2;

/**
 * Strength of the suspicion that `signs`' service and not the other owner makes `shared` slow: the length of the
 * vector of its contention features, its own slow compute, and how its other links fare. A slow link shows on every
 * edge of its service, so clean ones clear it: link = ½·strength·(slow + ½)/(edges + 1), without this peer's edges, each
 * slow one counted by how slow it is beside this one.
 */
export function claimStrength(
  signs: ServiceSigns,
  shared: NodeAnomaly,
  calleeServes: 'as usual' | 'slowly' | 'unseen' = 'unseen',
): number {
  let contention = 0;
  let network: number | undefined;
  for (const [resource, value] of directContention(signs, 0)) {
    if (resource === 'network') network = value;
    contention = Math.max(contention, (resource === 'software' ? POOL_PART : 1) * (value ?? 0));
  }
  contention = Math.max(contention, poolWaitClaim(signs, shared, calleeServes));
  const compute = Math.max(0, ...signs.exclusive.map(({ z }) => strength(z)));

  const others = otherEdges(signs, shared.node);
  const slow = others.reduce((sum, z) => sum + Math.min(1, z / Math.max(1, worstOfPair(signs, shared))), 0);
  const fine = network !== undefined && network < MEASURED_FINE_BELOW;
  const link =
    (fine ? MEASURED_FINE_PART : 1) *
    RESIDUAL_PART *
    strength(shared.z) *
    ((slow + 0.5) / (others.length + 1));
  return Math.hypot(contention, RESIDUAL_PART * compute, link);
}

/** Largest z of a shared node and those between the same two: one slow link shows both ways, the stronger tells whose. */
function worstOfPair(signs: ServiceSigns, { node, z }: NodeAnomaly): number {
  const pair = [...new Set(node.owners)].sort().join('\n');
  const between = signs.shared.filter((other) => [...new Set(other.node.owners)].sort().join('\n') === pair);
  return Math.max(z, ...between.map((other) => other.z));
}

/** How far a caller's wait for a connection explains a slow way there to a callee that serves as fast as ever. */
export function poolWaitClaim(
  signs: ServiceSigns,
  { node, meanExcessMs }: NodeAnomaly,
  calleeServes: 'as usual' | 'slowly' | 'unseen',
): number {
  if (node.kind !== 'request' || node.rpc.caller !== signs.service || calleeServes !== 'as usual') return 0;
  const wait = signs.features.find(({ feature }) => feature === 'software_pool_wait_ms');
  if (wait === undefined || wait.z < POOL_NOTED_Z || meanExcessMs <= 0) return 0;
  return CONVINCING * Math.min(1, (wait.observed - wait.expected) / meanExcessMs);
}

/** Whether the callee of a call was slow in serving that very kind of call, or in answering it: both keep connections. */
export function servingOf(
  node: LatencyNode,
  callee: ServiceSigns | undefined,
): 'as usual' | 'slowly' | 'unseen' {
  const served = callee?.exclusive.find(
    ({ node: other }) => other.kind === 'server' && rpcId(other.rpc) === rpcId(node.rpc),
  );
  if (served === undefined) return 'unseen';
  const answered = callee?.shared.find(
    ({ node: other }) => other.kind === 'response' && rpcId(other.rpc) === rpcId(node.rpc),
  );
  return Math.max(served.slowness, answered?.z ?? 0) < SERVED_SLOWLY_Z ? 'as usual' : 'slowly';
}

/** z of ordinary noise. */
const NOISE_Z = 2;

/** Largest z above noise per peer, over the shared nodes of a service but those with the peer of `node`. */
function otherEdges(signs: ServiceSigns, node: LatencyNode): readonly number[] {
  const peerOf = (owners: readonly string[]) => owners.find((owner) => owner !== signs.service);
  const here = peerOf(node.owners);
  const worst = new Map<string, number>();
  for (const entry of signs.shared) {
    const peer = peerOf(entry.node.owners);
    if (peer === undefined || peer === here) continue;
    worst.set(peer, Math.max(worst.get(peer) ?? 0, entry.z - NOISE_Z));
  }
  return [...worst.values()];
}

/** The part, 0..1, of a node's unexplained latency that is a service's; 0 for nodes it does not own. */
export type Responsibility = (service: string, node: LatencyNodeId) => number;

/** Responsibilities for every node of the signs. Those of one node sum to 1. */
export function assignResponsibility(signs: ReadonlyMap<string, ServiceSigns>): Responsibility {
  const parts = new Map<LatencyNodeId, ReadonlyMap<string, number>>();
  for (const own of signs.values()) {
    for (const { node } of own.exclusive) parts.set(node.id, new Map([[own.service, 1]]));
    for (const shared of own.shared) {
      if (parts.has(shared.node.id)) continue;
      const owners = [...new Set(shared.node.owners)].flatMap((owner) => signs.get(owner) ?? []);
      const claims = owners.map((owner) => ({
        owner: owner.service,
        strength: claimStrength(owner, shared, servingOf(shared.node, signs.get(shared.node.rpc.callee))),
        isCallee: owner.service === shared.node.rpc.callee && shared.node.kind !== 'response',
      }));
      parts.set(shared.node.id, splitBlame(claims));
    }
  }
  return (service, node) => parts.get(node)?.get(service) ?? 0;
}
