import type { V1OwnerReference, V1Pod } from '@kubernetes/client-node';

/** What is kept of a pod: a list of thousands fits in a few megabytes. */
export interface PodRecord {
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  /** Another name that one of the usual labels gives it. */
  readonly otherName: string | undefined;
  /** undefined: not scheduled yet. */
  readonly node: string | undefined;
  readonly ready: boolean;
  readonly address: string | undefined;
  /** Of the containers that run. */
  readonly containerIds: readonly string[];
  readonly owner: Owner | undefined;
}

/** What made the pod. */
export interface Owner {
  readonly kind: string;
  readonly name: string;
  /** Without the hash of the pod template: the same for the ReplicaSets of a Deployment. */
  readonly workload: string;
}

/** Where OpenTelemetry's operator takes `service.name` from, so what the spans say, too; then the recommended labels. */
const USUAL_NAMES = ['resource.opentelemetry.io/service.name', 'app.kubernetes.io/name', 'app'];

/** `podRecord(pod)`, or undefined for what ends, has ended, or is of no service. */
export function podRecord(pod: V1Pod, serviceLabel?: string): PodRecord | undefined {
  const { metadata, spec, status } = pod;
  const ends = metadata?.deletionTimestamp !== undefined;
  if (ends || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const owner = ownerOf(pod);
  const names = namesOf(pod, serviceLabel === undefined ? USUAL_NAMES : [serviceLabel]);
  const service = names[0] ?? (serviceLabel === undefined ? owner?.workload : undefined);
  if (service === undefined) return undefined;
  return {
    name: metadata?.name ?? '',
    namespace: metadata?.namespace ?? '',
    service,
    otherName: names.find((name) => name !== service),
    node: spec?.nodeName,
    ready: status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false,
    address: status?.podIP,
    containerIds: runningContainers(pod),
    owner,
  };
}

function namesOf({ metadata }: V1Pod, keys: readonly string[]): string[] {
  const names = keys.map((key) => metadata?.annotations?.[key] ?? metadata?.labels?.[key]);
  return names.filter((name) => name !== undefined && name !== '') as string[];
}

function ownerOf({ metadata }: V1Pod): Owner | undefined {
  const owner = controllerOf(metadata?.ownerReferences);
  if (owner === undefined) return undefined;
  const hash = metadata?.labels?.['pod-template-hash'];
  const suffix = hash === undefined ? '' : `-${hash}`;
  const hashed = owner.kind === 'ReplicaSet' && suffix !== '' && owner.name.endsWith(suffix);
  const workload = hashed ? owner.name.slice(0, -suffix.length) : owner.name;
  return { kind: owner.kind, name: owner.name, workload };
}

/** Of several owners one manages the object. */
export function controllerOf(owners: readonly V1OwnerReference[] = []): V1OwnerReference | undefined {
  return owners.find(({ controller }) => controller === true);
}

/** `containerd://4f1c…` → `4f1c…`. Init containers that go on running are sidecars. */
function runningContainers({ status }: V1Pod): string[] {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return all.flatMap(({ containerID, state }) =>
    containerID === undefined || state?.running === undefined
      ? []
      : [containerID.slice(containerID.indexOf('://') + 3)],
  );
}
