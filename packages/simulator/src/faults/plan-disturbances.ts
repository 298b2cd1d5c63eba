import type { Rng } from '@sage/core';
import type { Topology } from '../topology.js';
import { demandOf } from '../world/demand.js';
import type { Fault, FaultKind } from './fault.js';
import { canHave } from './plan-faults.js';

export interface DisturbancePlanOptions {
  /** Unix time between which all of them lie. */
  readonly startMs: number;
  readonly endMs: number;
  /** Mean length of one; they last from half of it to one and a half. */
  readonly meanMs: number;
  /** Share of the time that is disturbed, between 0 and 1. */
  readonly share: number;
  readonly rng: Rng;
}

/** What happens to a deployment that nobody meddles with: neighbours, links and load. Locks and leaks are bugs. */
const KINDS: readonly FaultKind[] = [
  'cpu',
  'memory',
  'disk',
  'llc',
  'network-delay',
  'network-loss',
  'network-bandwidth',
  'pool',
  'surge',
];
/** Less would be nothing. */
const LEAST_INTENSITY = 0.02;

/**
 * Draws the ordinary troubles of a running system, one at a time, at random services: from hardly noticed to grave, the
 * graver the rarer (intensity u², u uniform). Between two the time is exponential, so that they come unforeseen.
 *
 * @throws {RangeError} for a share that is not between 0 and 1.
 */
export function planDisturbances(topology: Topology, options: DisturbancePlanOptions): readonly Fault[] {
  const { startMs, endMs, meanMs, share, rng } = options;
  if (!(share > 0 && share < 1)) {
    throw new RangeError(`the disturbed share of the time must lie between 0 and 1, not be ${share}`);
  }
  const setting = { topology, demands: demandOf(topology), replicas: 1 };
  const able = KINDS.map((kind) => ({
    kind,
    services: topology.services.filter((service) => canHave(kind, service, setting)),
  })).filter(({ services }) => services.length > 0);
  const meanGapMs = meanMs * (1 / share - 1);
  const disturbances: Fault[] = [];
  for (let nowMs = startMs + rng.exponential(meanGapMs); ; ) {
    const untilMs = nowMs + meanMs * (0.5 + rng.uniform());
    if (untilMs > endMs) return disturbances;
    const { kind, services } = rng.pick(able);
    disturbances.push({
      kind,
      service: rng.pick(services).label,
      startMs: nowMs,
      endMs: untilMs,
      intensity: Math.max(LEAST_INTENSITY, rng.uniform() ** 2),
    });
    nowMs = untilMs + rng.exponential(meanGapMs);
  }
}
