import { failure, type Outcome, success } from '@sage/core';

/**
 * An autoscaler sets the number of its workload every 15 s, whatever else wrote it; what holds is its lower bound. So a
 * service with an autoscaler is scaled out by raising its `minReplicas`, never above its `maxReplicas`, and the way back
 * ends at the bound that was there before: how far to go in is then the autoscaler's own business again.
 */
export interface AutoscalerBounds {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** What Sage left there when it raised `min`. */
  readonly claim: Claim | undefined;
}

/** Kept with the autoscaler itself, so that the way back is known after a crash of whoever raised it. */
export interface Claim {
  /** The bound before Sage raised it. */
  readonly min: number;
  /** The number of replicas then. */
  readonly replicas: number;
  /** The bound that Sage set: another one there now is somebody else's. */
  readonly raisedTo: number;
}

export interface MinReplicasChange {
  readonly min: number;
  /** undefined: nothing of Sage's is left. */
  readonly claim: Claim | undefined;
}

/** The bound that was there before Sage raised it. */
export function ownMin({ min, claim }: AutoscalerBounds): number {
  return claim?.raisedTo === min ? claim.min : min;
}

/** What to write so that there are `wanted` replicas, undefined where it is so already. `replicas`: those there are. */
export function changeMinReplicas(
  autoscaler: AutoscalerBounds,
  replicas: number,
  wanted: number,
): Outcome<MinReplicasChange | undefined, 'not-allowed'> {
  const { name, min } = autoscaler;
  const claim = autoscaler.claim?.raisedTo === min ? autoscaler.claim : undefined;
  if (claim === undefined) {
    if (wanted === replicas) return success(undefined);
    if (wanted > replicas) return success({ min: wanted, claim: { min, replicas, raisedTo: wanted } });
    return failure(
      'not-allowed',
      `the autoscaler ${name} decides when fewer than ${replicas} are enough: ${wanted} is left to it`,
    );
  }
  if (wanted === claim.raisedTo) return success(undefined);
  if (wanted > claim.replicas) return success({ min: wanted, claim: { ...claim, raisedTo: wanted } });
  return success({ min: claim.min, claim: undefined });
}
