import { RESOURCES, type Resource } from '@sage/core';
import {
  isTimedOut,
  type NodeAnomaly,
  noSigns,
  resourceStrength,
  type ServiceSigns,
  strength,
} from './anomaly.js';
import { directContention, discountedUsage } from './directness.js';
import { holdsWays } from './hidden-ways.js';
import { poolWaitClaim, servingOf } from './pool-wait.js';
import { isClearedByProbe, meetsQueue } from './probe.js';
import type { Responsibility } from './responsibility.js';

/** How much of a service's trouble each of its resources explains: parts sum to 1. */
export type Attribution = ReadonlyMap<Resource, number>;

/** Every service may have a fault that nobody measures. */
const SOFTWARE_BASELINE = 1;
/** Slow ways there and back speak for the link at half the strength of a probe over it. */
const GAP_PART = 0.5;
/** …and hardly at all where a probe over the link is fine. */
const GAP_PART_PROBED = 0.1;
/** Unexplained compute speaks for software at half strength, once what was measured is taken off. */
const COMPUTE_PART = 0.5;
const SHARPNESS = 3;
/** What a store may want beside processor time. */
const STORE_WAITS: readonly Resource[] = ['memory', 'disk', 'llc'];

/**
 * ρ_g ∝ strength_g³, over
 * - contention features less what is a symptom of something more direct, plus discounted usage;
 * - `network`: also slow request and response gaps, as far as they are this service's and exceed its slow compute;
 * - `software`: pools, by the latency that waiting for them explains, and the compute that no measured resource does.
 *   Event-loop lag counts as usage: a symptom.
 *
 * A store's client latency is way and compute in one: it speaks for the way first. Where a probe finds the way in order,
 * slow ways, too, are something of the service itself: its answers lie unread while it does something else.
 */
export function attribute(
  service: string,
  signs: ReadonlyMap<string, ServiceSigns>,
  responsibility: Responsibility,
): Attribution {
  const own = signs.get(service) ?? noSigns(service);
  const direct = directContention(own, () => calleeSlowness(service, signs, responsibility));
  const cpu = resourceStrength(own, 'cpu', 'contention') ?? 0;
  const part = (entry: NodeAnomaly) => responsibility(service, entry.node.id) * strength(entry.z);
  const largest = (entries: readonly NodeAnomaly[]) => Math.max(0, ...entries.map(part));
  // Of calls without client spans the ways are in the caller's own time.
  const isWay = (entry: NodeAnomaly) => holdsWays(entry.node) && (meetsQueue(own) || isTimedOut(entry));
  const compute = largest(own.exclusive.filter((entry) => !isWay(entry)));
  const strengths = new Map<Resource, number>();
  for (const resource of RESOURCES) {
    strengths.set(resource, (direct.get(resource) ?? 0) + discountedUsage(own, resource));
  }
  const add = (resource: Resource, value: number) =>
    strengths.set(resource, (strengths.get(resource) ?? 0) + Math.max(0, value));

  const pooled = Math.max(
    0,
    ...own.shared.map(
      (entry) =>
        poolWaitClaim(own, entry, () => servingOf(entry.node, signs.get(entry.node.rpc.callee))) - cpu,
    ),
  );
  // What keeps a store from computing keeps its callers waiting just as its link does: one node holds both.
  const waits = Math.max(cpu, ...STORE_WAITS.map((resource) => direct.get(resource) ?? 0));
  // Of calls that nobody sees nobody sees either which of them waited for a connection.
  const unseenPools = direct.get('software') ?? 0;
  const excused = ({ node }: NodeAnomaly) =>
    pooled + (node.kind === 'client' ? waits : cpu) + (node.kind === 'server' ? unseenPools : 0);
  const lost = Math.max(
    0,
    ...own.shared.filter(({ isLossy }) => isLossy).map((entry) => part(entry) - excused(entry)),
  );
  const timedOut = own.exclusive
    .filter((entry) => isWay(entry) && isTimedOut(entry))
    .map((entry) => part(entry) - compute - excused(entry));
  const ways = [...own.shared, ...own.exclusive.filter(isWay)].map(
    (entry) =>
      (isClearedByProbe(own, entry) ? GAP_PART_PROBED : GAP_PART) * (part(entry) - compute - excused(entry)),
  );
  add('network', Math.max(0, ...ways, ...timedOut, lost - compute));
  const measured = Math.max(...RESOURCES.map((r) => (r === 'software' ? 0 : (strengths.get(r) ?? 0))));
  // What is slow on a way that is in order, and what a store takes, may be compute.
  const wayside = largest(
    own.shared.filter((entry) => (lost <= 0 && isClearedByProbe(own, entry)) || entry.node.kind === 'client'),
  );
  const unexplained = COMPUTE_PART * Math.max(compute, wayside) - measured;
  add('software', SOFTWARE_BASELINE + Math.max(0, unexplained, pooled - (direct.get('software') ?? 0)));

  const weights = [...strengths].map(([resource, s]) => [resource, s ** SHARPNESS] as const);
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  return new Map(weights.map(([resource, weight]) => [resource, weight / total]));
}

/**
 * How slow what a service calls is by others' doing, in strengths: a wait for a pool is then its effect. Of a shared node
 * only the others' part counts, or the pool's own fault would excuse itself; of a callee that nobody traces, or the way to
 * it, what it takes of the service's own time. 0 where the wait is the effect of no callee.
 */
export function calleeSlowness(
  service: string,
  signs: ReadonlyMap<string, ServiceSigns>,
  responsibility: Responsibility,
): number {
  if (signs.get(service)?.lacksConnections) return 0;
  const parts = calleeParts(service, signs, responsibility).map(
    ({ entry, part }) => part * strength(entry.slowness),
  );
  return Math.max(0, ...parts);
}

/** A call, or the own time of a service that calls somebody without anybody seeing it, and how much of it is others' doing. */
export interface CalleePart {
  readonly entry: NodeAnomaly;
  /** 0..1, above 0. */
  readonly part: number;
  readonly isSeen: boolean;
}

/** What others do to the calls of a service, whoever of them it is. */
export function calleeParts(
  service: string,
  signs: ReadonlyMap<string, ServiceSigns>,
  responsibility: Responsibility,
): readonly CalleePart[] {
  const seen = [...signs.values()].flatMap((callee) =>
    [...callee.exclusive, ...callee.shared].filter(
      ({ node: { rpc } }) => rpc.caller === service && rpc.callee === callee.service,
    ),
  );
  const withPart = (isSeen: boolean) => (entry: NodeAnomaly) => {
    const part = 1 - responsibility(service, entry.node.id);
    return part > 0 ? [{ entry, part, isSeen }] : [];
  };
  const own = signs.get(service)?.exclusive ?? [];
  return [...seen.flatMap(withPart(true)), ...own.flatMap(withPart(false))];
}
