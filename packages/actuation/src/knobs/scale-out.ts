import type { ScaleBounds, ScaleState } from '@sage/core';
import { type Need, number, type Step } from './step.js';

/** No step takes more than twice the replicas: the next one may. */
const MOST_GROWTH = 2;

/** What the configuration, the orchestrator and an autoscaler all allow. */
function boundsOf(state: ScaleState, limits: ScaleBounds): ScaleBounds {
  const { min, max, autoscaler } = state;
  return {
    min: Math.max(limits.min, min, autoscaler?.min ?? 0),
    max: Math.min(limits.max, max, autoscaler?.max ?? Number.POSITIVE_INFINITY),
  };
}

/**
 * Replicas among which load is shared: each gets n/n' of what it had. What a replica waits for falls at least as fast as
 * its load, so `enough` of it is gone at n' = n/(1 − e). Empty where there is no room.
 */
export function scaleOut(state: ScaleState, limits: ScaleBounds, { enough }: Need): readonly Step[] {
  const { service, workload, replicas } = state;
  const { max } = boundsOf(state, limits);
  const wanted = Math.min(MOST_GROWTH * replicas, Math.ceil(replicas / Math.max(1e-9, 1 - enough) - 1e-9));
  const next = Math.min(max, Math.max(replicas + 1, wanted));
  if (next <= replicas || replicas === 0) return [];
  return [
    {
      action: { kind: 'scale', target: service, replicas: next },
      reason: `${workload} has ${number(replicas)} of at most ${number(max)} replicas`,
      restores: 'enough',
    },
  ];
}
