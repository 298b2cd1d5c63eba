import { failure, type Outcome, success } from '@sage/core';
import { type ControlGroup, readPidsBelow } from '../procfs/cgroup.js';
import type { System } from '../system.js';
import type { ControlGroups } from './control-groups.js';
import { containerIdOf } from './group-names.js';

/** A pod and a container of it, as a configuration names them. */
export interface PodName {
  /** `namespace/name`, or the uid. */
  readonly pod: string;
  /** undefined: the only one. */
  readonly container: string | undefined;
}

const POD_LOGS = '/var/log/pods';
const CONTAINER_LOGS = '/var/log/containers';

/**
 * Names are known to the kubelet alone, and its log folders tell them:
 *
 *     /var/log/pods/shop_cart-6d5f_7d0c6a2e-1111-4222-8333-444455556666
 */
export function podUids(system: System, pod: string): readonly string[] {
  const [namespace, name] = pod.split('/');
  if (name === undefined) return [pod];
  const prefix = `${namespace}_${name}_`;
  return system
    .list(POD_LOGS)
    .filter((entry) => entry.startsWith(prefix))
    .map((entry) => entry.slice(prefix.length));
}

/**
 * The name of a container by its id, of the kubelet's links to logs:
 *
 *     /var/log/containers/cart-6d5f_shop_server-4f1c….log
 */
export function containerName(links: readonly string[], id: string): string | undefined {
  const link = links.find((entry) => entry.endsWith(`-${id}.log`));
  return /^[^_]+_[^_]+_(.+)-[0-9a-f]{64}\.log$/.exec(link ?? '')?.[1];
}

/** The group of a container of the pod that is there now. */
export function findPodContainer(
  system: System,
  groups: ControlGroups,
  { pod, container }: PodName,
): Outcome<ControlGroup, 'not-found'> {
  const uids = podUids(system, pod);
  if (uids.length === 0) {
    return failure(
      'not-found',
      `${POD_LOGS} knows no pod ${pod}: expected namespace/name of one that runs here`,
    );
  }
  // A pod that was made anew under its name leaves the logs of the one before.
  const place = uids.map((uid) => groups.find({ kind: 'pod', uid })[0]).find((found) => found !== undefined);
  if (place === undefined) return failure('not-found', `no cgroup of the pod ${pod} is here`);
  const containers = system.directories(place.directory).flatMap((name) => {
    const id = containerIdOf(name);
    return id === undefined ? [] : [{ id, directory: `${place.directory}/${name}` }];
  });
  const linked = containers.find(({ id }) => hasLog(system, { pod, container }, id));
  if (linked !== undefined) return success({ ...place, directory: linked.directory });
  const links = system.list(CONTAINER_LOGS);
  const named = containers
    .map(({ id, directory }) => ({ name: containerName(links, id), directory }))
    .filter(({ name, directory }) => name !== undefined || !isSandbox(system, directory));
  const [only, ...others] = named.filter(({ name }) => container === undefined || name === container);
  if (only !== undefined && others.length === 0) return success({ ...place, directory: only.directory });
  const known = named.map(({ name }) => name ?? '(name unknown)').join(', ') || 'none';
  const wanted = container === undefined ? 'only one container' : `one container "${container}"`;
  return failure('not-found', `the pod ${pod} runs ${known}: expected ${wanted}`);
}

/** Spares a node with many pods the list of all logs. The link leads to where the node's root is, not ours. */
function hasLog(system: System, { pod, container }: PodName, id: string): boolean {
  const [namespace, name] = pod.split('/');
  if (name === undefined || container === undefined) return false;
  return system.link(`${CONTAINER_LOGS}/${name}_${namespace}_${container}-${id}.log`) !== undefined;
}

/** The container that holds a pod's namespaces open runs nothing but `pause`, and has no log. */
function isSandbox(system: System, directory: string): boolean {
  return readPidsBelow(system, directory).every(
    (pid) => system.read(`/proc/${pid}/comm`)?.trim() === 'pause',
  );
}
