import { posix } from 'node:path';

const CONTAINER_ID = '[0-9a-f]{64}';
const POD_UID = '[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32}';

/**
 * The id of the container that a group is of. Runtimes name it by the bare id (cgroupfs driver), or as a scope or a
 * triple (systemd driver):
 *
 *     4f1c…                                  docker/<id>, kubepods/…/pod<uid>/<id>
 *     docker-4f1c….scope                     cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope
 *     kubepods-pod<uid>.slice:cri-containerd:4f1c…
 *
 * `crio-conmon-<id>.scope` and its like hold the container's monitor, not the container.
 */
export function containerIdOf(name: string): string | undefined {
  const match = new RegExp(`^(?:([a-z][a-z0-9-]*)-|\\S+:[a-z-]+:)?(${CONTAINER_ID})(?:\\.scope)?$`).exec(
    name,
  );
  return match === null || /(?:^|-)conmon$/.test(match[1] ?? '') ? undefined : match[2];
}

/**
 * The uid of the pod that a group is of. systemd has no dashes within a name, and static pods none in their uid:
 *
 *     pod7d0c6a2e-1111-4222-8333-444455556666
 *     kubepods-burstable-pod7d0c6a2e_1111_4222_8333_444455556666.slice
 */
export function podUidOf(name: string): string | undefined {
  const match = new RegExp(`^(?:[a-z-]+-)?pod(${POD_UID})(?:\\.slice)?$`).exec(name);
  return match?.[1]?.replaceAll('_', '-');
}

/**
 * The group of the pod around a container's: Kubernetes bounds a pod as well as its containers, so that what raises a
 * container's bound has to raise the pod's by as much.
 */
export function enclosingPod(directory: string): string | undefined {
  const parent = posix.dirname(directory);
  const isContainer = containerIdOf(posix.basename(directory)) !== undefined;
  return isContainer && podUidOf(posix.basename(parent)) !== undefined ? parent : undefined;
}
