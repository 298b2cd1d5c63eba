import { failure, type Outcome, type ScaleState, success } from '@sage/core';
import type { ScaleFailure } from './orchestrator.js';

/** Whether a service may have so many replicas. A number that it has already is no change, whatever the bounds. */
export function withinBounds(state: ScaleState, replicas: number): Outcome<void, ScaleFailure> {
  const { service, min, max, autoscaler } = state;
  const refuse = (why: string) => failure('out-of-bounds', `${replicas} replicas of ${service}: ${why}`);
  if (!Number.isInteger(replicas) || replicas < 0) return refuse('expected a whole number');
  if (replicas === state.replicas) return success(undefined);
  if (replicas < min) return refuse(`expected at least ${min}`);
  if (autoscaler !== undefined && replicas > autoscaler.max) {
    return refuse(`the autoscaler ${autoscaler.name} allows at most ${autoscaler.max}`);
  }
  return replicas > max ? refuse(`expected at most ${max}`) : success(undefined);
}
