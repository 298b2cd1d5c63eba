import { RESOURCES, type Resource } from '@sage/core';
import { resourceStrength, type ServiceSigns } from './anomaly.js';

/**
 * How strongly a cause of one resource shows in the contention features of another. A service kept off the processor
 * answers probes late, holds its connections longer and loses its cache to whoever runs instead.
 */
const CPU_SYMPTOMS: Readonly<Record<Resource, number>> = {
  cpu: 0,
  memory: 0,
  disk: 0,
  network: 0.7,
  llc: 0.7,
  software: 1,
};

/** Usage may be an effect of a slow callee; it never decides alone. */
const USAGE_DISCOUNT = 0.3;
const USAGE_LIMIT = 1.5;

/**
 * Strength per resource of what the service itself suffers, symptoms of a shortage of processor time taken off:
 * `direct = max(0, contention − symptom share × cpu contention)`. Pool waits of the caller of a slow callee are taken
 * off by `calleeSlowness`. undefined: not measured.
 */
export function directContention(
  signs: ServiceSigns,
  calleeSlowness: number,
): ReadonlyMap<Resource, number | undefined> {
  const cpu = resourceStrength(signs, 'cpu', 'contention') ?? 0;
  return new Map(
    RESOURCES.map((resource) => {
      const raw = resourceStrength(signs, resource, 'contention');
      if (raw === undefined) return [resource, undefined];
      const symptom = CPU_SYMPTOMS[resource] * cpu + (resource === 'software' ? calleeSlowness : 0);
      return [resource, Math.max(0, raw - symptom)];
    }),
  );
}

/** Strength that the usage of a resource adds: heavily discounted and bounded. */
export function discountedUsage(signs: ServiceSigns, resource: Resource): number {
  return Math.min(USAGE_LIMIT, USAGE_DISCOUNT * (resourceStrength(signs, resource, 'usage') ?? 0));
}
