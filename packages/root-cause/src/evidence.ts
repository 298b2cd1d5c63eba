import { type Evidence, FEATURES, type Resource } from '@sage/core';
import {
  CONVINCING,
  cacheLost,
  type FeatureAnomaly,
  type NodeAnomaly,
  type ServiceSigns,
} from './anomaly.js';
import { hasUsedUp } from './directness.js';
import { MOSTLY, type Responsibility } from './responsibility.js';

/** Usage may be an effect, so a z of it tells as much as a third of it elsewhere. */
const USAGE_DISCOUNT = 0.3;
/** Slow compute says that something is wrong, waiting says what: it is listed first. */
const LATENCY_DISCOUNT = 0.5;
const LEAST_Z = 3;
const MOST = 6;
/** As odd as can be. */
const USED_UP_Z = CONVINCING + 2;
/** A latency is listed from this multiple of what is expected: less may be certain and is not worth telling. */
const TELLING_RATIO = 1.2;

interface Telling {
  readonly evidence: Evidence;
  readonly weight: number;
}

/** What was measured that speaks against a service, most telling first. */
export function serviceEvidence(signs: ServiceSigns, responsibility: Responsibility): readonly Evidence[] {
  return mostTelling([
    ...signs.features.map(ofFeature),
    ...[...signs.exclusive, ...mostlyOwn(signs, responsibility)].filter(isTelling).map(ofNode),
  ]);
}

/** The part of it that speaks for one resource: gaps for the network, slow compute for all else. */
export function resourceEvidence(
  signs: ServiceSigns,
  resource: Resource,
  responsibility: Responsibility,
): readonly Evidence[] {
  const features = signs.features.filter(({ feature }) => FEATURES[feature].resource === resource);
  const nodes = resource === 'network' ? mostlyOwn(signs, responsibility) : signs.exclusive;
  return mostTelling([...features.map(ofFeature), ...nodes.filter(isTelling).map(ofNode)]);
}

/** z of ordinary noise. */
const NOISE_Z = 2;

/** z of a service's own doing. */
export interface OwnAnomaly {
  readonly anomaly: number;
  /** Of what makes it a suspect. */
  readonly decisive: number;
}

/**
 * How far a service is from normal by its own doing: its largest z, where usage counts for a third and shared
 * latencies for the part that is its own. `decisive` leaves usage out, which makes a suspect only where all there is is
 * used up, and of waiting what most services suffer alike, and what slow callees make of waiting for connections. Cache that
 * it has lost counts by the part that is gone: how many misses are ordinary says little where they come in bursts.
 *
 * A model that has learnt how slow waiting makes a service expects it to be: where it suffers some, a latency that waits
 * for nobody counts as it is beside normal, or whoever is known best would be suspected least.
 */
export function ownAnomaly(
  signs: ServiceSigns,
  responsibility: Responsibility,
  calleeSlowness: () => number = () => 0,
): OwnAnomaly {
  const contention = signs.features.filter(({ feature }) => FEATURES[feature].role === 'contention');
  const waits = contention
    .map(({ feature, ownZ }) =>
      FEATURES[feature].resource === 'software' && ownZ > NOISE_Z ? lessBy(calleeSlowness(), ownZ) : ownZ,
    )
    .filter(Number.isFinite);
  const suffers = waits.some((z) => z > NOISE_Z);
  const oddity = (entry: NodeAnomaly): number =>
    suffers && entry.node.parents.length === 0 ? Math.max(entry.z, entry.slowness) : entry.z;
  const decisive = Math.max(
    hasUsedUp(signs) ? USED_UP_Z : 0,
    USED_UP_Z * cacheLost(signs),
    ...waits,
    ...[...signs.exclusive, ...signs.shared]
      .map((entry) => partOf(oddity(entry), responsibility(signs.service, entry.node.id)))
      .filter(Number.isFinite),
  );
  const all = signs.features.map(({ feature, z }) => weightOf(feature) * z).filter(Number.isFinite);
  return { anomaly: Math.max(decisive, ...all), decisive };
}

/** Of what is mostly another's nothing is beyond doubt, however odd it is. */
function partOf(z: number, part: number): number {
  return part * (part >= MOSTLY ? z : Math.min(z, CONVINCING + NOISE_Z));
}

/** What is left of a pool's wait where a callee is slow by its own doing, and holds its connections longer. */
function lessBy(calleeSlowness: number, z: number): number {
  return calleeSlowness > 0 ? Math.min(z, CONVINCING + NOISE_Z) - calleeSlowness : z;
}

function mostlyOwn(signs: ServiceSigns, responsibility: Responsibility): readonly NodeAnomaly[] {
  return signs.shared.filter(({ node }) => responsibility(signs.service, node.id) >= MOSTLY);
}

function weightOf(feature: FeatureAnomaly['feature']): number {
  return FEATURES[feature].role === 'usage' ? USAGE_DISCOUNT : 1;
}

function ofFeature({ feature, observed, expected, z }: FeatureAnomaly): Telling {
  const evidence = { name: feature, unit: FEATURES[feature].unit, observed, expected, z };
  return { evidence, weight: weightOf(feature) * Math.min(z, CONVINCING) };
}

function ofNode({ node, observedMs, expectedMs, z }: NodeAnomaly): Telling {
  const evidence = { name: node.id, unit: 'ms', observed: observedMs, expected: expectedMs, z };
  return { evidence, weight: LATENCY_DISCOUNT * Math.min(z, CONVINCING) };
}

function isTelling({ observedMs, expectedMs }: NodeAnomaly): boolean {
  return observedMs >= TELLING_RATIO * expectedMs;
}

function mostTelling(items: readonly Telling[]): readonly Evidence[] {
  return items
    .filter(({ evidence }) => evidence.z >= LEAST_Z)
    .sort((a, b) => b.weight - a.weight || b.evidence.z - a.evidence.z)
    .slice(0, MOST)
    .map(({ evidence }) => evidence);
}
