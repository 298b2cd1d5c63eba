import type { LatencyNode } from '@sage/causal-graph';
import type { LatencyNodeId } from '@sage/core';
import { type NodeAnomaly, type ServiceSigns, strength } from './anomaly.js';
import type { GraphView } from './graph-view.js';
import { hiddenLosses } from './hidden-losses.js';
import { lendHiddenWays } from './hidden-ways.js';
import { type MeanExcesses, NO_MEANS } from './mean-excess.js';
import { explainedByWait, poolWaitClaim, type Serving, servingOf, waitsForConnection } from './pool-wait.js';
import { isClearedByProbe, probedDelayMs } from './probe.js';
import { NOISE_Z, peerOf, type Standing, standingsOf, without } from './standing.js';
import { commonCauseClaim, unseenPoolPart } from './unmeasured.js';
import { splitWholeCalls } from './whole-calls.js';

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

/**
 * What probes over one owner's link take longer every call over it does, and no more than what is left of the node's
 * excess can be the other's, however strong the claim: strengths tell how sure a cause is and not how much it causes. Of
 * two slow links each has its part of both.
 */
function boundByProbes(
  split: ReadonlyMap<string, number>,
  { excessMs }: NodeAnomaly,
  owners: readonly ServiceSigns[],
): ReadonlyMap<string, number> {
  const [one, other] = owners;
  if (one === undefined || other === undefined || excessMs <= 0) return split;
  const [oneMs, otherMs] = [probedDelayMs(one), probedDelayMs(other)];
  const least = Math.min(1, oneMs / excessMs);
  const most = 1 - Math.min(1, otherMs / excessMs);
  const claimed = split.get(one.service) ?? 0;
  const part = least > most ? oneMs / (oneMs + otherMs) : Math.min(Math.max(claimed, least), most);
  return new Map([
    [one.service, part],
    [other.service, 1 - part],
  ]);
}

/** Of a call of one span whose callee is not measured to suffer the caller has a part at least. */
function leaveToUnseen(
  split: ReadonlyMap<string, number>,
  entry: NodeAnomaly,
  {
    owners,
    contentionOf,
  }: { readonly owners: readonly ServiceSigns[]; readonly contentionOf: (owner: ServiceSigns) => number },
): ReadonlyMap<string, number> {
  const { rpc } = entry.node;
  const [caller, callee] = [rpc.caller, rpc.callee].map((name) =>
    owners.find(({ service }) => service === name),
  );
  if (caller === undefined || callee === undefined || contentionOf(callee) > 0) return split;
  const part = Math.max(split.get(caller.service) ?? 0, unseenPoolPart(caller, callee, entry));
  return new Map([
    [caller.service, part],
    [callee.service, 1 - part],
  ]);
}

/** The owner's own compute being slow speaks for it at half the strength of something it was seen to wait for. */
const RESIDUAL_PART = 0.5;
/** What other links say of an owner's link, where its link itself is measured and fine. */
const MEASURED_FINE_PART = 0.2;

/** What a claim rests on beside what was measured of its owner and of the node. */
interface Claiming {
  readonly standing: Standing;
  /** How strongly the owner is to blame for something else than what the two share. */
  readonly guilt: number;
  readonly calleeServes: () => Serving;
  readonly means: MeanExcesses;
}

/**
 * Strength of the suspicion that `signs`' service and not the other owner makes `shared` slow: the length of the
 * vector of its contention features, its own slow compute, and how its other links fare. A slow link shows on every
 * edge of its service, so clean ones clear it: link = ½·strength·(slow + ½)/(edges + 1), without this peer's edges, each
 * slow one counted by how slow it is beside this one. Retransmissions are all of one kind, after one time-out or three;
 * those on links that show in own times alone are told by the means, where there are any.
 */
function claimStrength(
  signs: ServiceSigns,
  shared: NodeAnomaly,
  { standing, guilt, calleeServes, means }: Claiming,
): number {
  const { compute, edges } = standing;
  const contention = Math.max(
    standing.contention,
    standing.pools *
      (waitsForConnection(signs.service, shared.node) ? (explainedByWait(signs, shared) ?? 1) : 1),
    poolWaitClaim(signs, shared, calleeServes),
    commonCauseClaim(signs, shared, standing.callees),
  );

  const peer = peerOf(signs.service, shared.node) ?? '';
  const others = [...edges].flatMap(([other, edge]) => {
    // Of quantiles a caller's own time tells no more of lost packets than those of the calls in it do.
    if (other === peer || (shared.isLossy && edge.isHidden)) return [];
    return [shared.isLossy && edge.isLossy ? Number.POSITIVE_INFINITY : edge.worst];
  });
  // One slow link shows both ways, the stronger tells whose: so the worst between the two is what others are held
  // against.
  const between = Math.max(1, shared.z, (edges.get(peer)?.worst ?? 0) + NOISE_Z);
  const hidden = hiddenLosses(signs.service, { shared, peer, means });
  const slow = others.reduce((sum, z) => sum + Math.min(1, z / between), hidden.lossy);
  const slowest = Math.max(shared.z, ...[...edges.values()].map(({ worst }) => worst));
  const link = strength(slowest) * ((slow + 0.5) / (others.length + hidden.edges + 1));
  const standsFor = isClearedByProbe(signs, shared) ? MEASURED_FINE_PART : 1;
  const elsewhere = Math.hypot(link, Math.min(strength(shared.z), guilt));
  return Math.hypot(contention, RESIDUAL_PART * compute, standsFor * RESIDUAL_PART * elsewhere);
}

/** Service → peer → what is slow between the two. */
function slowBetween(
  shared: Iterable<NodeAnomaly>,
): ReadonlyMap<string, ReadonlyMap<string, readonly NodeAnomaly[]>> {
  const slow = new Map<string, Map<string, NodeAnomaly[]>>();
  for (const entry of shared) {
    if (strength(entry.z) <= 0) continue;
    for (const owner of new Set(entry.node.owners)) {
      const peer = peerOf(owner, entry.node);
      if (peer === undefined) continue;
      const peers = slow.get(owner) ?? new Map<string, NodeAnomaly[]>();
      slow.set(owner, peers);
      peers.set(peer, [...(peers.get(peer) ?? []), entry]);
    }
  }
  return slow;
}

/** How strongly a part in something slow speaks against a service: of what may be either's it does not. */
function guiltIn({ z }: NodeAnomaly, part: number): number {
  return Math.max(0, 2 * part - 1) * strength(z);
}

type Split = ReadonlyMap<string, number>;

/**
 * The part, 0..1, of a node's unexplained latency that is a service's; 0 for nodes that it does not own, but for calls of it
 * that are seen at both ends.
 */
export type Responsibility = (service: string, node: LatencyNodeId) => number;

/** From this part on something is a service's, if anybody's. */
export const MOSTLY = 0.5;

/**
 * Responsibilities for every node that the view's services own. Those of one node sum to 1. What too few calls were seen
 * of to be judged goes with what else is between the same two.
 */
export function assignResponsibility(
  signs: ReadonlyMap<string, ServiceSigns>,
  { owned, hiddenWays }: Pick<GraphView, 'owned' | 'hiddenWays'>,
  means: MeanExcesses = NO_MEANS,
): Responsibility {
  const parts = new Map<LatencyNodeId, Split>();
  const standings = standingsOf(signs, hiddenWays);
  const lent = lendHiddenWays(signs, hiddenWays);
  const shared = new Map(
    [...signs.values()].flatMap((own) => own.shared.map((entry) => [entry.node.id, entry])),
  );
  const slow = slowBetween(shared.values());
  const standing = ({ service }: ServiceSigns) => standings.get(service) as Standing;
  const splitOf = (
    entry: NodeAnomaly,
    claimOf: (owner: ServiceSigns) => Pick<Claiming, 'standing' | 'guilt'>,
  ): Split => {
    const owners = [...new Set(entry.node.owners)].flatMap((owner) => signs.get(owner) ?? []);
    const calleeServes = () => servingOf(entry.node, signs.get(entry.node.rpc.callee));
    const claims = owners.map((owner) => {
      const { standing, guilt } = claimOf(owner);
      return {
        owner: owner.service,
        strength: claimStrength(owner, entry, { standing, guilt, calleeServes, means }),
        isCallee: owner.service === entry.node.rpc.callee && entry.node.kind !== 'response',
      };
    });
    const contentionOf = (owner: ServiceSigns) => {
      const { contention, pools } = standing(owner);
      return Math.max(contention, pools);
    };
    return boundByProbes(leaveToUnseen(splitBlame(claims), entry, { owners, contentionOf }), entry, owners);
  };
  const guilts = new Map<string, number>();
  // Told by what is not between the two: of that one is to blame for what both share it is no evidence.
  const guiltOf = (service: string, peer: string): number => {
    const pair = `${service}>${peer}`;
    const known = guilts.get(pair);
    if (known !== undefined) return known;
    const others = [...(slow.get(service) ?? [])].flatMap(([other, list]) => (other === peer ? [] : list));
    const own = standings.get(service);
    const alone = own && others.length > 0 ? without(own, peer) : own;
    const each = others.map((entry) => {
      const split = splitOf(entry, (owner) => ({
        standing: owner.service === service ? (alone as Standing) : standing(owner),
        guilt: 0,
      }));
      return guiltIn(entry, split.get(service) ?? 0);
    });
    const guilt = Math.max(0, ...each);
    guilts.set(pair, guilt);
    return guilt;
  };
  for (const own of signs.values()) {
    for (const { node } of own.exclusive) {
      const others = lent.get(node.id) ?? new Map<string, number>();
      const taken = [...others.values()].reduce((sum, part) => sum + part, 0);
      parts.set(node.id, new Map([...others, [own.service, 1 - taken]]));
    }
  }
  for (const entry of shared.values()) {
    const split = splitOf(entry, (owner) => ({
      standing: standing(owner),
      guilt: strength(entry.z) > 0 ? guiltOf(owner.service, peerOf(owner.service, entry.node) ?? '') : 0,
    }));
    parts.set(entry.node.id, split);
  }
  for (const [call, split] of splitWholeCalls(signs, (leg) => parts.get(leg))) parts.set(call, split);
  const between = new Map<string, { readonly z: number; readonly split: Split }>();
  for (const { node, z } of shared.values()) {
    const pair = pairOf(node);
    if (z > (between.get(pair)?.z ?? Number.NEGATIVE_INFINITY)) {
      between.set(pair, { z, split: parts.get(node.id) as Split });
    }
  }
  for (const node of [...owned.values()].flat()) {
    if (parts.has(node.id)) continue;
    const owners = [...new Set(node.owners)];
    const alike = owners.length > 1 ? between.get(pairOf(node))?.split : undefined;
    parts.set(node.id, alike ?? splitBlame(owners.map((owner) => ({ owner, strength: 0 }))));
  }
  return (service, node) => parts.get(node)?.get(service) ?? 0;
}

function pairOf({ rpc: { caller, callee } }: LatencyNode): string {
  return `${caller}>${callee}`;
}
