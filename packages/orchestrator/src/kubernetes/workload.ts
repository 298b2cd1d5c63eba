import type { AppsV1Api, V1Scale } from '@kubernetes/client-node';
import { failure, type Outcome, success } from '@sage/core';
import type { ScaleFailure } from '../orchestrator.js';
import { type ApiFailure, type Permission, scaleFailure } from './api-failure.js';
import type { Cluster } from './cluster.js';
import { controllerOf, type PodRecord } from './pod.js';

/** What has a number of replicas. */
export interface Workload {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
}

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'ReplicaSet';

interface Named {
  readonly namespace: string;
  readonly name: string;
}

interface ScaleApi {
  readonly resource: string;
  read(apps: AppsV1Api, of: Named): Promise<V1Scale>;
  replace(apps: AppsV1Api, of: Named & { readonly body: V1Scale }): Promise<V1Scale>;
}

const SCALES: Readonly<Record<WorkloadKind, ScaleApi>> = {
  Deployment: {
    resource: 'deployments/scale',
    read: (apps, of) => apps.readNamespacedDeploymentScale(of),
    replace: (apps, of) => apps.replaceNamespacedDeploymentScale(of),
  },
  StatefulSet: {
    resource: 'statefulsets/scale',
    read: (apps, of) => apps.readNamespacedStatefulSetScale(of),
    replace: (apps, of) => apps.replaceNamespacedStatefulSetScale(of),
  },
  ReplicaSet: {
    resource: 'replicasets/scale',
    read: (apps, of) => apps.readNamespacedReplicaSetScale(of),
    replace: (apps, of) => apps.replaceNamespacedReplicaSetScale(of),
  },
};

export function workloadName({ kind, namespace, name }: Workload): string {
  return `${kind} ${namespace}/${name}`;
}

/**
 * Up the chain of owners: Pod → ReplicaSet → Deployment, Pod → StatefulSet. The pods are those of one workload; during
 * a rollout they are of several ReplicaSets, and one of those may be gone by now.
 */
export async function resolveWorkload(
  cluster: Cluster,
  service: string,
  pods: readonly PodRecord[],
): Promise<Outcome<Workload, ScaleFailure>> {
  const unsupported = (what: string) =>
    failure('unsupported', `${service} is run by ${what}, whose number of replicas cannot be changed`);
  const namespace = pods[0]?.namespace ?? '';
  const owners = new Map(pods.flatMap(({ owner }) => (owner === undefined ? [] : [[owner.name, owner]])));
  if (owners.size === 0) return unsupported('a pod without an owner');
  let gone: Outcome<Workload, ScaleFailure> = failure('not-found', `what runs ${service} is gone`);
  for (const { kind, name } of owners.values()) {
    if (kind === 'StatefulSet') return success({ kind, namespace, name });
    if (kind !== 'ReplicaSet') return unsupported(`the ${kind} ${namespace}/${name}`);
    const needed: Permission = { verb: 'get', resource: 'replicasets', group: 'apps', namespace };
    const read = await cluster.request(needed, ({ apps }) =>
      apps.readNamespacedReplicaSet({ namespace, name }),
    );
    if (read.ok) {
      const owner = controllerOf(read.value.metadata?.ownerReferences);
      if (owner === undefined) return success({ kind, namespace, name });
      if (owner.kind === 'Deployment') return success({ kind: owner.kind, namespace, name: owner.name });
      return unsupported(`the ${owner.kind} ${namespace}/${owner.name}`);
    }
    gone = scaleFailure(read);
    if (read.reason !== 'not-found') break;
  }
  return gone;
}

export function readScale(
  cluster: Cluster,
  { kind, namespace, name }: Workload,
): Promise<Outcome<V1Scale, never> | ApiFailure> {
  const { resource, read } = SCALES[kind];
  const needed: Permission = { verb: 'get', resource, group: 'apps', namespace };
  return cluster.request(needed, ({ apps }) => read(apps, { namespace, name }));
}

/** With the version that was read: `conflict` where there is a newer one. */
export function writeScale(
  cluster: Cluster,
  { kind, namespace, name }: Workload,
  body: V1Scale,
): Promise<Outcome<V1Scale, never> | ApiFailure> {
  const { resource, replace } = SCALES[kind];
  const needed: Permission = { verb: 'update', resource, group: 'apps', namespace };
  return cluster.request(needed, ({ apps }) => replace(apps, { namespace, name, body }));
}
