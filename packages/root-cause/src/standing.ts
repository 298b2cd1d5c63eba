import type { LatencyNode } from '@sage/causal-graph';
import { type NodeAnomaly, type ServiceSigns, strength } from './anomaly.js';
import { sufferedWaits } from './directness.js';
import type { GraphView } from './graph-view.js';
import { waitsForConnection } from './pool-wait.js';
import type { SlowCallee } from './unmeasured.js';

/** z of ordinary noise. */
export const NOISE_Z = 2;

/** What is the same for every node that a service shares. */
export interface Standing {
  /** Largest strength of what it waits for, but for pools… */
  readonly contention: number;
  /** …and that of its waits for connections, discounted. */
  readonly pools: number;
  readonly compute: number;
  /** By peer. */
  readonly edges: ReadonlyMap<string, EdgeStanding>;
  readonly callees: ReadonlyMap<string, SlowCallee>;
}

/** How all that a service shares with one peer fares. */
export interface EdgeStanding {
  /** Largest z above noise. */
  readonly worst: number;
  /** Whether there are retransmissions. */
  readonly isLossy: boolean;
  /** Seen in the caller's own time alone. */
  readonly isHidden: boolean;
}

/**
 * A pool that runs dry is as often the effect of the slow call as its cause, unless the call itself is as fast as ever, or
 * kept connections for as long before and they sufficed.
 */
const POOL_PART = 0.2;

type Waits = Pick<Standing, 'contention' | 'pools'>;

/** Largest strength of what a service waits for, pools discounted. */
export function contentionOf(signs: ServiceSigns): number {
  return largestOf(waitsOf(signs));
}

function largestOf({ contention, pools }: Waits): number {
  return Math.max(contention, pools);
}

function waitsOf(signs: ServiceSigns): Waits {
  const { pools, others } = sufferedWaits(signs);
  return { contention: others, pools: (signs.lacksConnections ? 1 : POOL_PART) * pools };
}

/** How each service stands, by name. */
export function standingsOf(
  signs: ReadonlyMap<string, ServiceSigns>,
  hiddenWays: GraphView['hiddenWays'],
): ReadonlyMap<string, Standing> {
  const waits = new Map([...signs].map(([service, own]) => [service, waitsOf(own)]));
  return new Map(
    [...signs].map(([service, own]) => [
      service,
      standingOf(own, callersOf(service, signs, hiddenWays), waits),
    ]),
  );
}

/** The own times of a service's callers in which its link shows, where they call it without client spans. */
function callersOf(
  service: string,
  signs: ReadonlyMap<string, ServiceSigns>,
  hiddenWays: GraphView['hiddenWays'],
): readonly NodeAnomaly[] {
  return (hiddenWays.get(service) ?? []).flatMap(({ node }) =>
    node.rpc.callee === service
      ? []
      : (signs.get(node.rpc.callee)?.exclusive.filter((entry) => entry.node.id === node.id) ?? []),
  );
}

function standingOf(
  signs: ServiceSigns,
  callers: readonly NodeAnomaly[],
  waits: ReadonlyMap<string, Waits>,
): Standing {
  const edges = new Map<string, EdgeStanding>();
  for (const entry of [...signs.shared, ...callers]) {
    const peer = peerOf(signs.service, entry.node);
    if (peer === undefined) continue;
    const known = edges.get(peer);
    edges.set(peer, {
      worst: Math.max(known?.worst ?? 0, entry.z - NOISE_Z),
      isLossy: (known?.isLossy ?? false) || entry.isLossy,
      isHidden: (known?.isHidden ?? true) && callers.includes(entry),
    });
  }
  const compute = Math.max(0, ...signs.exclusive.map(({ z }) => strength(z)));
  const { contention, pools } = waits.get(signs.service) as Waits;
  return { contention, pools, compute, edges, callees: slowCallees(signs, waits) };
}

/** The same but for what a service shares with a peer. */
export function without({ contention, pools, compute, edges, callees }: Standing, peer: string): Standing {
  const others = <T>(peers: ReadonlyMap<string, T>) =>
    new Map([...peers].filter(([other]) => other !== peer));
  return { contention, pools, compute, edges: others(edges), callees: others(callees) };
}

/** Ways to callees that a service finds slow, less what each callee is measured to suffer itself. */
function slowCallees(
  signs: ServiceSigns,
  waits: ReadonlyMap<string, Waits>,
): ReadonlyMap<string, SlowCallee> {
  const callees = new Map<string, SlowCallee>();
  for (const entry of signs.shared) {
    const { callee } = entry.node.rpc;
    if (!waitsForConnection(signs.service, entry.node)) continue;
    const suffered = waits.get(callee);
    const slow = strength(entry.z) - (suffered === undefined ? 0 : largestOf(suffered));
    const known = callees.get(callee);
    callees.set(callee, {
      strength: Math.max(known?.strength ?? 0, slow),
      isLossy: (known?.isLossy ?? false) || entry.isLossy,
    });
  }
  return callees;
}

export function peerOf(service: string, { owners }: LatencyNode): string | undefined {
  return owners.find((owner) => owner !== service);
}
