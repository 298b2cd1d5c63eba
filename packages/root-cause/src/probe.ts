import { type NodeAnomaly, resourceStrength, type ServiceSigns } from './anomaly.js';

/** Strength of what a link is measured to suffer, below which it is fine. */
const FINE_BELOW = 2;
/** A probe that takes so many times what it usually takes meets a queue, if a short one. */
const QUEUED_RATIO = 3;

/** Whether probes over a service's link meet a queue. */
export function meetsQueue({ features }: ServiceSigns): boolean {
  const probe = features.find(({ feature }) => feature === 'network_probe_ms');
  return probe !== undefined && probe.observed > QUEUED_RATIO * probe.expected;
}

/**
 * Whether probes over a service's link show that the link is not what makes a way slow. A few small packets a window
 * hardly ever meet a loss, and say nothing of a way whose tail is one of retransmissions. Nor do they clear it where
 * they meet a queue: where bandwidth is short, long messages take far longer than they do.
 */
export function isClearedByProbe(signs: ServiceSigns, { isLossy }: NodeAnomaly): boolean {
  const measured = resourceStrength(signs, 'network', 'contention');
  if (measured === undefined || measured >= FINE_BELOW || isLossy) return false;
  return !meetsQueue(signs);
}

/** Of a probe: from here on it is asked how much of what is slow it explains. */
export const PROBE_NOTED_Z = 3;

/** How much longer than usual probes over a service's link take, ms; 0 where that may be noise, or is not measured. */
export function probedDelayMs({ features }: ServiceSigns): number {
  const probe = features.find(({ feature }) => feature === 'network_probe_ms');
  return probe === undefined || probe.z < PROBE_NOTED_Z ? 0 : probe.observed - probe.expected;
}
