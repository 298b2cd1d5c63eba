import { PatchStrategy, setHeaderOptions, type V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import { failure, type Outcome, success } from '@sage/core';
import { z } from 'zod';
import type { ScaleFailure } from '../orchestrator.js';
import { type Permission, scaleFailure } from './api-failure.js';
import type { Cluster } from './cluster.js';
import type { AutoscalerBounds, Claim, MinReplicasChange } from './min-replicas.js';
import { controllerOf } from './pod.js';
import type { Workload } from './workload.js';

const CLAIM = 'sage/raised-min-replicas';
const PAGE = 500;
const GROUP = 'autoscaling';
const RESOURCE = 'horizontalpodautoscalers';

const claimSchema = z.object({ min: z.int(), replicas: z.int(), raisedTo: z.int() });

/** A HorizontalPodAutoscaler as it was read. */
export interface Autoscaler extends AutoscalerBounds {
  readonly namespace: string;
  readonly resourceVersion: string | undefined;
  /** What manages it in turn, and would take back a change: `ScaledObject shop/cart`. */
  readonly managedBy: string | undefined;
}

/** The autoscaler that targets a workload, or undefined where there is none. */
export async function findAutoscaler(
  cluster: Cluster,
  { kind, namespace, name }: Workload,
): Promise<Outcome<Autoscaler | undefined, ScaleFailure>> {
  const needed: Permission = { verb: 'list', resource: RESOURCE, group: GROUP, namespace };
  let next: string | undefined;
  do {
    const query = { namespace, limit: PAGE, ...(next === undefined ? {} : { _continue: next }) };
    const page = await cluster.request(needed, ({ autoscaling }) =>
      autoscaling.listNamespacedHorizontalPodAutoscaler(query),
    );
    if (!page.ok) return scaleFailure(page);
    const found = page.value.items.find(
      ({ spec }) => spec?.scaleTargetRef.kind === kind && spec.scaleTargetRef.name === name,
    );
    if (found !== undefined) return success(autoscalerOf(found, namespace));
    next = page.value.metadata?._continue || undefined;
  } while (next !== undefined);
  return success(undefined);
}

/** With the version that was read: `conflict` where there is a newer one. */
export async function writeMinReplicas(
  cluster: Cluster,
  { name, namespace, resourceVersion, managedBy }: Autoscaler,
  { min, claim }: MinReplicasChange,
): Promise<Outcome<Autoscaler, ScaleFailure>> {
  if (managedBy !== undefined) {
    return failure(
      'not-allowed',
      `the autoscaler ${name} is managed by the ${managedBy}: raise the least number of replicas there`,
    );
  }
  const body = {
    metadata: {
      resourceVersion,
      annotations: { [CLAIM]: claim === undefined ? null : JSON.stringify(claim) },
    },
    spec: { minReplicas: min },
  };
  const needed: Permission = { verb: 'patch', resource: RESOURCE, group: GROUP, namespace };
  const patched = await cluster.request(needed, ({ autoscaling }) =>
    autoscaling.patchNamespacedHorizontalPodAutoscaler(
      { namespace, name, body },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    ),
  );
  return patched.ok ? success(autoscalerOf(patched.value, namespace)) : scaleFailure(patched);
}

function autoscalerOf({ metadata, spec }: V2HorizontalPodAutoscaler, namespace: string): Autoscaler {
  const manager = controllerOf(metadata?.ownerReferences);
  return {
    name: metadata?.name ?? '',
    namespace,
    resourceVersion: metadata?.resourceVersion,
    managedBy: manager && `${manager.kind} ${namespace}/${manager.name}`,
    // The API's own default.
    min: spec?.minReplicas ?? 1,
    max: spec?.maxReplicas ?? 1,
    claim: parseClaim(metadata?.annotations?.[CLAIM]),
  };
}

/** `{"min":2,"replicas":4,"raisedTo":6}`; what is not of that form was not written by Sage. */
function parseClaim(text: string | undefined): Claim | undefined {
  if (text === undefined) return undefined;
  try {
    return claimSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
