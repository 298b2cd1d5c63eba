import { type NodeAnomaly, resourceStrength, type ServiceSigns } from './anomaly.js';

/** Strength of what a link is measured to suffer, below which it is fine. */
const FINE_BELOW = 2;
/** Less than this a probe does not resolve, ms. */
const RESOLUTION_MS = 1;
/** A way whose median is slower by so many times what the probe's is, is slow for another reason than the link. */
const TELLING_RATIO = 3;
/** A probe that takes so many times what it usually takes meets a queue, if a short one. */
const QUEUED_RATIO = 3;

/**
 * Whether probes over a service's link show that the link is not what makes a way slow. A few small packets a window meet
 * what half of the calls meet and hardly ever their tail: they clear a link of a way that is slow at its median, and say
 * nothing of one that is slow now and then. Nor do they clear it where they meet a queue: where bandwidth is short, long
 * messages take far longer than they do.
 */
export function isClearedByProbe(signs: ServiceSigns, { medianExcessMs }: NodeAnomaly): boolean {
  const measured = resourceStrength(signs, 'network', 'contention');
  if (measured === undefined || measured >= FINE_BELOW) return false;
  const probe = signs.features.find(({ feature }) => feature === 'network_probe_ms');
  if (probe === undefined) return true;
  if (probe.observed > QUEUED_RATIO * probe.expected) return false;
  const excessMs = Math.max(RESOLUTION_MS, probe.observed - probe.expected);
  return medianExcessMs >= TELLING_RATIO * excessMs;
}
