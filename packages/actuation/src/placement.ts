import type { TargetState } from '@sage/core';

/** What the agents of the cluster report: per node, the targets on it. */
export interface NodeTargets {
  readonly node: string;
  readonly targets: readonly TargetState[];
}

/** Where a service runs: the names of its targets, on any node. */
export type Placement = ReadonlyMap<string, readonly string[]>;

export interface PlacedTarget {
  readonly node: string;
  readonly state: TargetState;
}

/** Every replica of a service that an agent looks after. Without a placement a target is named as its service. */
export function targetsOf(
  service: string,
  nodes: readonly NodeTargets[],
  placement?: Placement,
): readonly PlacedTarget[] {
  const names = placement?.get(service) ?? [service];
  return nodes.flatMap(({ node, targets }) =>
    targets.filter((state) => names.includes(state.target)).map((state) => ({ node, state })),
  );
}
