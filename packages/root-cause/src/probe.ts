import { type NodeAnomaly, resourceStrength, type ServiceSigns } from './anomaly.js';

/** Strength of what a link is measured to suffer, below which it is fine. */
const FINE_BELOW = 2;
/** Less than this a probe does not resolve, ms. */
const RESOLUTION_MS = 1;
/** A way that is usually so many times slower than the probe's is slow for another reason than the link. */
const TELLING_RATIO = 3;

/**
 * Whether probes over a service's link show that the link is not what makes a way slow. A few small packets a window meet
 * what half of the calls meet and hardly ever their tail: they clear a link of a way that is slow at its median, and say
 * nothing of one that is slow now and then.
 */
export function isClearedByProbe(signs: ServiceSigns, { medianExcessMs }: NodeAnomaly): boolean {
  const measured = resourceStrength(signs, 'network', 'contention');
  if (measured === undefined || measured >= FINE_BELOW) return false;
  const probe = signs.features.find(({ feature }) => feature === 'network_probe_ms');
  if (probe === undefined) return true;
  const excessMs = Math.max(RESOLUTION_MS, probe.observed - probe.expected);
  return medianExcessMs >= TELLING_RATIO * excessMs;
}
