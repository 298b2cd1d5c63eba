import type { Instance, TargetState } from '@sage/core';

/** What the agents of the cluster report: per node, the targets on it. */
export interface NodeTargets {
  readonly node: string;
  readonly targets: readonly TargetState[];
}

/** A target that an agent looks after, and whose copy it is. */
export interface PlacedTarget {
  readonly node: string;
  readonly state: TargetState;
  /** Names of the one replica that it is: the orchestrator's, and its containers. Empty where that is not known. */
  readonly replicas: readonly string[];
}

/** Where everything runs, to be asked by service. */
export interface Placement {
  targetsOf(service: string): readonly PlacedTarget[];
  /** Services with an instance or a target on a node, sorted. */
  servicesOn(node: string): readonly string[];
}

/** A container's host name is the first 12 digits of its id, and programs report that as their instance. */
const SHORT_ID = 12;

/**
 * Puts together what agents and the orchestrator know. A target is named as the service, or as the replica, that runs
 * there; without an orchestrator its name is the service's.
 */
export function place(nodes: readonly NodeTargets[], instances: readonly Instance[] = []): Placement {
  const byReplica = new Map<string, Map<string, Instance>>();
  const byService = new Map<string, Map<string, readonly Instance[]>>();
  const services = new Map<string, Set<string>>();
  for (const instance of instances) {
    const { node, replica, service } = instance;
    within(byReplica, node).set(replica, instance);
    const copies = within(byService, node);
    copies.set(service, [...(copies.get(service) ?? []), instance]);
    add(services, node, service);
  }
  const targets = new Map<string, PlacedTarget[]>();
  for (const { node, targets: states } of nodes) {
    for (const state of states) {
      const replica = byReplica.get(node)?.get(state.target);
      const copies = replica ? [replica] : byService.get(node)?.get(state.target);
      const service = replica?.service ?? state.target;
      const only = copies?.length === 1 ? copies[0] : undefined;
      const placed = { node, state, replicas: only ? [only.replica, ...only.containerIds] : [] };
      const list = targets.get(service);
      if (list === undefined) targets.set(service, [placed]);
      else list.push(placed);
      add(services, node, service);
    }
  }
  return {
    targetsOf: (service) => targets.get(service) ?? [],
    servicesOn: (node) => [...(services.get(node) ?? [])].sort(),
  };
}

/** Whether a target is the replica that telemetry names: by its own name, the orchestrator's or a container's id. */
export function isReplica({ state, replicas }: PlacedTarget, name: string): boolean {
  if (state.target === name || replicas.includes(name)) return true;
  return name.length >= SHORT_ID && replicas.some((known) => known.startsWith(name));
}

function within<T>(map: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const inner = map.get(key) ?? new Map<string, T>();
  map.set(key, inner);
  return inner;
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}
