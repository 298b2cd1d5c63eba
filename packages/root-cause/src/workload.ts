import type { Intervention } from '@sage/causal-graph';
import { FEATURES, type FeatureName, type Window } from '@sage/core';
import type { FeatureAnomaly, ServiceSigns } from './anomaly.js';
import type { NormalReference } from './normal-reference.js';

/** Below this growth nothing but the normal spread is owed to load. */
const NO_GROWTH = 1;

/**
 * How far a reading lies above what load explains. Waiting grows faster than load; its square is a modest guess of how
 * much: z' = (observed − normal·g²) / (spread·g²), where g = present load over the reference's.
 */
export function zBeyondLoad(reading: FeatureAnomaly, growth: number): number {
  const factor = Math.max(NO_GROWTH, growth) ** 2;
  const spread = reading.z === 0 ? 1 : (reading.observed - reading.expected) / reading.z;
  return (reading.observed - reading.expected * factor) / (spread * factor);
}

/** Services that suffer more contention than their load explains. */
export function strainedBeyondLoad(
  services: readonly string[],
  signs: ReadonlyMap<string, ServiceSigns>,
  options: { readonly growth: number; readonly threshold: number },
): readonly string[] {
  return services.filter((service) =>
    signs
      .get(service)
      ?.features.some(
        (reading) =>
          FEATURES[reading.feature].role === 'contention' &&
          zBeyondLoad(reading, options.growth) >= options.threshold,
      ),
  );
}

/** do(load normal): the roots' rates, and the metrics that load explains, take their normal values. */
export function normalLoad(
  reference: NormalReference,
  signs: ReadonlyMap<string, ServiceSigns>,
  options: { readonly window: Window; readonly growth: number; readonly threshold: number },
): Intervention {
  const metrics = new Map<string, Map<FeatureName, number>>();
  for (const [service, { features }] of signs) {
    const owed = features.filter((reading) => zBeyondLoad(reading, options.growth) < options.threshold);
    metrics.set(service, new Map(owed.map(({ feature, expected }) => [feature, expected])));
  }
  const seen = [...reference.rootLoads].filter(([root]) => options.window.latency.has(root));
  return { metrics, exogenous: new Map(), load: new Map(seen) };
}
