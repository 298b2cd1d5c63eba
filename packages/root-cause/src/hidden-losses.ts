import type { NodeAnomaly } from './anomaly.js';
import type { MeanExcesses } from './mean-excess.js';
import { NOISE_Z } from './standing.js';

/** Links of a service that show in own times alone, and what they say of a loss that one of its other links shows. */
export interface HiddenLosses {
  /** How many of them would have met it, were it the service's… */
  readonly edges: number;
  /** …and how many of those did. */
  readonly lossy: number;
}

const NONE: HiddenLosses = { edges: 0, lossy: 0 };

/** Packets are lost one by one, and of two kinds of call one may need ten times as many. */
const LEAST_RATIO = 0.1;

/**
 * A link that loses packets does so whoever is at its other end. Of the calls of a lossy node a part was hit, which is their
 * mean excess / the excess of a slow one; of each of the service's other links at least a tenth of that part, if it is the
 * service's link that loses. How many were, their mean says, as far as it is out of the ordinary. As many as are expected
 * beyond noise, and one at least, are a loss; of a link of which e are expected and none was it would have been seen with
 * 1 − exp(−e).
 */
export function hiddenLosses(
  service: string,
  {
    shared,
    peer,
    means,
  }: { readonly shared: NodeAnomaly; readonly peer: string; readonly means: MeanExcesses },
): HiddenLosses {
  if (!shared.isLossy) return NONE;
  const meanMs = means.of(shared.node);
  const slowMs = shared.observedMs - shared.expectedMs;
  if (meanMs === undefined || meanMs <= 0 || slowMs <= 0) return NONE;
  return [...means.hiddenCalls(service)].reduce((sum, [other, { calls, excessMs, spreadMs }]) => {
    if (other === peer) return sum;
    const beyondNoise = (ms: number): number => (calls * Math.max(0, ms - NOISE_Z * spreadMs)) / slowMs;
    const expected = beyondNoise(LEAST_RATIO * Math.min(meanMs, slowMs));
    const hit = beyondNoise(excessMs);
    const lossy = Math.min(1, hit / Math.max(1, expected));
    const clean = (1 - lossy) * (1 - Math.exp(-expected));
    return { edges: sum.edges + lossy + clean, lossy: sum.lossy + lossy };
  }, NONE);
}
