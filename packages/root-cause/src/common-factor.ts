import { type FeatureName, median, type Window } from '@sage/core';
import type { NormalReference } from './normal-reference.js';

/** Services that a feature is measured of, from which on they tell what is common to them. */
const COMMON_FROM = 4;

/** What of a reading is common to all services, in its own unit. */
export type CommonPart = (service: string, feature: FeatureName) => number;

/**
 * What all suffer alike is nobody's own. Where a machine is short of something, each turn of all that run there is
 * longer by about the same factor, and who has the most turns waits the most longer: common is that factor times what
 * is usual of a service. The factor is the median over all services of the window, whether or not the requests that are
 * judged meet them; 1 where too few are measured, or most have less than usual.
 */
export function commonPart(window: Window, reference: NormalReference): CommonPart {
  const factors = new Map<FeatureName, number>();
  // Of less than its spread a multiple tells nothing.
  const usual = (service: string, feature: FeatureName): number | undefined => {
    const scale = reference.features(service).get(feature);
    return scale && Math.max(scale.center, scale.spread);
  };
  const factorOf = (feature: FeatureName): number => {
    const ratios = [...window.metrics].flatMap(([service, readings]) => {
      const ratio = (readings.get(feature) ?? Number.NaN) / (usual(service, feature) ?? Number.NaN);
      return Number.isFinite(ratio) ? [ratio] : [];
    });
    return ratios.length < COMMON_FROM ? 1 : Math.max(1, median(ratios));
  };
  return (service, feature) => {
    const factor = factors.get(feature) ?? factorOf(feature);
    factors.set(feature, factor);
    // The usual, once, is its centre.
    const center = reference.features(service).get(feature)?.center ?? 0;
    return center + (factor - 1) * (usual(service, feature) ?? 0);
  };
}
