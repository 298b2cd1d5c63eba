import { type FeatureName, median, type RobustScale, type Window } from '@sage/core';
import type { NormalReference } from './normal-reference.js';

/** Services that a feature is measured of, from which on they tell what is common to them. */
const COMMON_FROM = 4;

/** How far above its usual value a reading would be by what is common to all services, in the feature's unit. */
export type CommonRise = (feature: FeatureName, usual: RobustScale) => number;

/**
 * What all suffer alike is nobody's own, over all services of the window, whether or not the requests that are judged
 * meet them. Where a machine is short of something, each turn of all that run there is longer by about the same factor,
 * and who has the most turns waits the most longer; where that cannot be told, they show it by as much beyond their
 * noise:
 *
 *     max(usual · (median of observed / usual − 1), spread · median z), at least 0
 *
 * A multiple tells something only of what is usually more than its spread, and either median only of four services.
 */
export function commonRise(window: Window, reference: NormalReference): CommonRise {
  const known = new Map<FeatureName, { readonly factor: number; readonly z: number }>();
  const read = (feature: FeatureName) => {
    const readings = [...window.metrics].flatMap(([service, features]) => {
      const observed = features.get(feature);
      const scale = reference.features(service).get(feature);
      return observed === undefined || !Number.isFinite(observed) || !scale ? [] : [{ observed, ...scale }];
    });
    const factors = readings.flatMap(({ observed, center, spread }) =>
      center >= spread ? [observed / center] : [],
    );
    const zs = readings.map(({ observed, center, spread }) => (observed - center) / spread);
    return { factor: commonOf(factors, 1), z: commonOf(zs, 0) };
  };
  return (feature, { center, spread }) => {
    const common = known.get(feature) ?? read(feature);
    known.set(feature, common);
    return Math.max(center * (common.factor - 1), spread * common.z);
  };
}

function commonOf(values: readonly number[], least: number): number {
  return values.length < COMMON_FROM ? least : Math.max(least, median(values));
}
