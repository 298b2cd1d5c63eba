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
  const byNode = new Map<string, Instance[]>();
  const services = new Map<string, Set<string>>();
  for (const instance of instances) {
    push(byNode, instance.node, instance);
    add(services, instance.node, instance.service);
  }
  const targets = new Map<string, PlacedTarget[]>();
  for (const { node, targets: states } of nodes) {
    const here = byNode.get(node) ?? [];
    for (const state of states) {
      const replica = here.find((instance) => instance.replica === state.target);
      const copies = replica ? [replica] : here.filter(({ service }) => service === state.target);
      const service = replica?.service ?? state.target;
      const only = copies.length === 1 ? copies[0] : undefined;
      push(targets, service, { node, state, replicas: only ? [only.replica, ...only.containerIds] : [] });
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

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}
