import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubernetesServer } from './kubernetes-server.js';

type ServerPod = Parameters<KubernetesServer['putPod']>[0];

export interface PodSketch {
  readonly name: string;
  readonly namespace?: string;
  /** null: not scheduled yet. */
  readonly node?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly ready?: boolean;
  readonly phase?: string;
  readonly ending?: boolean;
}

export const CONTAINER_ID = '4f1c'.repeat(16);

/** A pod as the API server has it, with some of what Sage does not read. */
export function pod(sketch: PodSketch): ServerPod {
  const { name, namespace = 'shop', node = 'node-1', ready = true, phase = 'Running' } = sketch;
  const owner = sketch.owner ?? { kind: 'ReplicaSet', name: 'cart-77d9' };
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      creationTimestamp: '2024-05-01T10:00:00Z',
      labels: sketch.labels ?? { app: 'cart', 'pod-template-hash': '77d9' },
      annotations: sketch.annotations ?? {},
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          ...owner,
          uid: `uid-of-${owner.name}`,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      ...(sketch.ending ? { deletionTimestamp: '2024-05-01T11:00:00Z', deletionGracePeriodSeconds: 30 } : {}),
    },
    spec: {
      containers: [{ name: 'main', image: 'cart:1', resources: { limits: { cpu: '1' } } }],
      ...(node === null ? {} : { nodeName: node }),
    },
    status: {
      phase: node === null ? 'Pending' : phase,
      podIP: '10.0.0.7',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [
        {
          name: 'main',
          ready,
          restartCount: 0,
          image: 'cart:1',
          imageID: 'sha256:1',
          containerID: `containerd://${CONTAINER_ID}`,
          state: { running: { startedAt: '2024-05-01T10:00:05Z' } },
        },
      ],
    },
  } as ServerPod;
}

export function replicaSet(
  name: string,
  owner?: { readonly kind: string; readonly name: string },
  namespace = 'shop',
) {
  return {
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    metadata: {
      name,
      namespace,
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'apps/v1', ...owner, uid: 'uid', controller: true }] }),
    },
  } as Parameters<KubernetesServer['putReplicaSet']>[0];
}

/** `cart` of the namespace `shop`: a Deployment with so many pods, ready and placed. */
export function deployCart(server: KubernetesServer, replicas: number): void {
  server.putReplicaSet(replicaSet('cart-77d9', { kind: 'Deployment', name: 'cart' }));
  server.setReplicas('shop/deployments/cart', replicas);
  for (let i = 0; i < replicas; i++) server.putPod(pod({ name: `cart-77d9-${i}`, node: `node-${i + 1}` }));
}

export interface AutoscalerSketch {
  readonly min?: number;
  readonly max?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly target?: { readonly kind: string; readonly name: string };
}

export function autoscaler(sketch: AutoscalerSketch = {}) {
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    metadata: {
      name: 'cart',
      namespace: 'shop',
      annotations: { team: 'checkout', ...sketch.annotations },
      ...(sketch.owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'v1', ...sketch.owner, uid: 'uid', controller: true }] }),
    },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', ...sketch.target },
      ...(sketch.min === undefined ? {} : { minReplicas: sketch.min }),
      maxReplicas: sketch.max ?? 8,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
        },
      ],
    },
  } as Parameters<KubernetesServer['putAutoscaler']>[0];
}

/** A kubeconfig whose user has a token in a file, as a service account has. */
export function kubeconfig(folder: string, url: string, user: Readonly<Record<string, unknown>>): string {
  const path = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'sage', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'sage' } }],
    'current-context': 'test',
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}
