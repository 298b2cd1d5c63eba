import type { Instance } from '@sage/core';
import type { PodRecord } from './pod.js';

export interface ServicePods {
  readonly pods: readonly PodRecord[];
  /** `ReplicaSet shop/cart`, without hashes; more than one: a number of replicas is for which of them? */
  readonly workloads: readonly string[];
}

export interface PodPlacement {
  /** Sorted by service and replica. */
  readonly instances: readonly Instance[];
  readonly services: ReadonlyMap<string, ServicePods>;
  /** What names do not make clear, in words. */
  readonly conflicts: readonly string[];
}

/** Pods → which service runs where. */
export function podPlacement(pods: Iterable<PodRecord>): PodPlacement {
  const grouped = new Map<string, PodRecord[]>();
  const namespacesOf = new Map<string, Set<string>>();
  for (const pod of pods) {
    append(grouped, pod.service, pod);
    namespacesOf.set(pod.name, (namespacesOf.get(pod.name) ?? new Set()).add(pod.namespace));
  }
  const services = new Map(
    [...grouped].sort(byName).map(([service, of]): [string, ServicePods] => {
      const workloads = [...new Set(of.map(workloadOf))].sort();
      return [service, { pods: of, workloads }];
    }),
  );
  const instances = [...services.values()].flatMap(({ pods: of }) =>
    of
      .flatMap((pod) => instanceOf(pod, (namespacesOf.get(pod.name)?.size ?? 0) > 1))
      .sort((a, b) => compare(a.replica, b.replica)),
  );
  return { instances, services, conflicts: conflictsOf(services) };
}

/** A name that pods of two namespaces have, as those of StatefulSets do, says which of them only with the namespace. */
function instanceOf(pod: PodRecord, qualified: boolean): Instance[] {
  const { service, name, namespace, node, containerIds, address } = pod;
  if (node === undefined) return [];
  return [{ service, replica: qualified ? `${namespace}/${name}` : name, node, containerIds, address }];
}

function workloadOf({ namespace, name, owner }: PodRecord): string {
  return owner === undefined ? `Pod ${namespace}/${name}` : `${owner.kind} ${namespace}/${owner.workload}`;
}

function conflictsOf(services: ReadonlyMap<string, ServicePods>): string[] {
  return [...services].flatMap(([service, { pods, workloads }]) => {
    const others = new Set(pods.flatMap(({ otherName }) => otherName ?? []));
    return [
      ...[...others].sort().map((other) => `pods of ${service} are named ${other} by another label`),
      ...(workloads.length > 1 ? [`${service} is run by ${workloads.join(' and ')}`] : []),
    ];
  });
}

function append<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compare(a, b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
