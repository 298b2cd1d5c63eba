import { FEATURES, type FeatureName, RESOURCES, type Resource } from '@sage/core';
import { CONVINCING, resourceStrength, type ServiceSigns, strength } from './anomaly.js';

/**
 * How strongly a cause of one resource shows in the contention features of others. A service kept off the processor
 * answers probes late, holds its connections longer and loses its cache to whoever runs instead. Pages that no longer fit
 * are read back from the disk: the wait for it is then a wait for memory. Over a slow link, too, connections are held
 * longer.
 */
const SYMPTOMS: Readonly<Record<Resource, Partial<Readonly<Record<Resource, number>>>>> = {
  cpu: { network: 0.7, llc: 0.7, software: 1 },
  memory: { disk: 1 },
  disk: {},
  network: { software: 1 },
  llc: {},
  software: {},
};

/** Usage may be an effect of a slow callee; where waiting is measured, too, it never decides alone. */
const USAGE_DISCOUNT = 0.3;
const USAGE_LIMIT = 1.5;

/** Resources of which a service's usage is of its own making; bytes sent and received are as much its callers'. */
export const OWN_USAGE: readonly Resource[] = ['cpu', 'memory', 'disk'];
/** Usage that has left the ordinary… */
const UNUSUAL_Z = 6;
/** A share of a resource from which on it counts as used up, where that is out of the ordinary, if less so. */
const SATURATED = 0.95;
const SATURATED_Z = 3;
/** …and over how many units of strength it becomes as convincing as waiting. */
const USAGE_SCALE = 4;

/**
 * Strength per resource of what the service itself suffers, symptoms of something more direct taken off: `direct =
 * max(0, contention − Σ symptom share × direct contention of its causes)`. Pool waits of the caller of a slow callee are
 * taken off by `calleeSlowness`. Where no waiting is measured, usage far out of the ordinary at the present load takes its
 * place. undefined: neither is measured.
 */
export function directContention(
  signs: ServiceSigns,
  calleeSlowness: () => number,
): ReadonlyMap<Resource, number | undefined> {
  const direct = new Map<Resource, number | undefined>();
  // Causes come before what they show in.
  for (const resource of RESOURCES) {
    const waiting = resourceStrength(signs, resource, 'contention');
    const used = isWaitMeasured(signs, resource) ? undefined : unusualUsage(signs, resource);
    const isMeasured = waiting !== undefined || used !== undefined;
    const symptom = RESOURCES.reduce(
      (sum, cause) => sum + (SYMPTOMS[cause][resource] ?? 0) * (direct.get(cause) ?? 0),
      0,
    );
    const left = Math.max(0, Math.max(waiting ?? 0, used ?? 0) - symptom);
    const isEffectOfCallee = resource === 'software' && left > 0;
    direct.set(
      resource,
      isMeasured ? Math.max(0, left - (isEffectOfCallee ? calleeSlowness() : 0)) : undefined,
    );
  }
  return direct;
}

/** How strongly a service waits for connections, whoever is to blame for it, and for anything else at most. */
export function sufferedWaits(signs: ServiceSigns): { readonly pools: number; readonly others: number } {
  const { software = 0, ...others } = Object.fromEntries(directContention(signs, () => 0));
  return { pools: software, others: Math.max(0, ...Object.values(others).map((value) => value ?? 0)) };
}

/** Features that tell of every wait for a processor; throttling tells of the service's own quota alone. */
const PROCESSOR_WAITS: readonly FeatureName[] = ['cpu_runqueue_wait_ratio', 'cpu_pressure_ratio'];

/** Whether it is measured how long a service waits for a resource. */
export function isWaitMeasured({ features }: ServiceSigns, resource: Resource): boolean {
  return features.some(({ feature }) =>
    resource === 'cpu'
      ? PROCESSOR_WAITS.includes(feature)
      : FEATURES[feature].resource === resource && FEATURES[feature].role === 'contention',
  );
}

/** 30 (1 − exp(−strength / 4)) of usage with z ≥ 6, so that what is beyond doubt counts like waiting that is. */
function unusualUsage(signs: ServiceSigns, resource: Resource): number | undefined {
  if (!OWN_USAGE.includes(resource)) return undefined;
  if (isSaturated(signs, resource)) return CONVINCING;
  const used = resourceStrength(signs, resource, 'usage');
  if (used === undefined || used < strength(UNUSUAL_Z)) return undefined;
  return CONVINCING * (1 - Math.exp(-used / USAGE_SCALE));
}

/** A share of what there is that is nearly all of it, and is not always: whoever wants more has to wait. */
function isSaturated({ features }: ServiceSigns, resource: Resource): boolean {
  return features.some(
    ({ feature, observed, z }) =>
      FEATURES[feature].resource === resource &&
      FEATURES[feature].role === 'usage' &&
      FEATURES[feature].unit === '1' &&
      observed >= SATURATED &&
      z >= SATURATED_Z,
  );
}

/** Whether the service has used up a resource for which its waiting is not measured: then it waits all the same. */
export function hasUsedUp(signs: ServiceSigns): boolean {
  return OWN_USAGE.some((resource) => !isWaitMeasured(signs, resource) && isSaturated(signs, resource));
}

/** Of the threshold of oddity: what is no chance where something has to be the cause beside another. */
export const LESSER = 0.5;

/**
 * Whether a service was measured to wait for a resource, so that it is no chance, or has used up what it needs, or lacks
 * connections that it had.
 */
export function hasWaited(signs: ServiceSigns, resource: Resource, threshold: number): boolean {
  const waits = signs.features.some(
    ({ feature, ownZ }) =>
      FEATURES[feature].resource === resource &&
      FEATURES[feature].role === 'contention' &&
      ownZ >= LESSER * threshold,
  );
  return waits || hasUsedUp(signs) || (resource === 'software' && signs.lacksConnections === true);
}

/** Strength that the usage of a resource adds: heavily discounted and bounded. */
export function discountedUsage(signs: ServiceSigns, resource: Resource): number {
  return Math.min(USAGE_LIMIT, USAGE_DISCOUNT * (resourceStrength(signs, resource, 'usage') ?? 0));
}
