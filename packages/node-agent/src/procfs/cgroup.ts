import { posix } from 'node:path';
import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { type Mount, readNodeMounts } from './mountinfo.js';

/** As cgroup v2 names them. */
export const CONTROLLERS = ['cpu', 'cpuset', 'memory', 'io'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** A mounted tree of groups. `root` is what part of the tree the mount shows. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  readonly root: string;
  /** v1: the options of the mount, its controllers and name among them. v2: what its root group offers. */
  readonly controllers: readonly string[];
}

/** A group of processes in the tree of one controller. */
export interface ControlGroup {
  readonly hierarchy: Hierarchy;
  readonly directory: string;
}

const V1_NAMES: Partial<Record<Controller, string>> = { io: 'blkio' };

export function cgroupHierarchies(
  mounts: readonly Mount[],
  offered: (mount: string) => string,
): readonly Hierarchy[] {
  return mounts
    .filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
    .map(({ type, point, root, options }) => ({
      version: type === 'cgroup' ? 1 : 2,
      mount: point,
      root,
      controllers: type === 'cgroup' ? options : offered(point).trim().split(/\s+/),
    }));
}

export function readHierarchies(system: System): readonly Hierarchy[] {
  return cgroupHierarchies(
    readNodeMounts(system),
    (mount) => system.read(`${mount}/cgroup.controllers`) ?? '',
  );
}

/** A v1 controller wins over v2, which then is without it; v2 counts only where it offers the controller. */
export function hierarchyOf(
  hierarchies: readonly Hierarchy[],
  controller: Controller,
): Outcome<Hierarchy, 'unsupported'> {
  const v1Name = V1_NAMES[controller] ?? controller;
  const v1 = hierarchies.find(({ version, controllers }) => version === 1 && controllers.includes(v1Name));
  if (v1 !== undefined) return success(v1);
  const v2 = hierarchies.find(({ version }) => version === 2);
  if (v2 === undefined) return failure('unsupported', `no cgroup ${controller} controller is mounted`);
  if (v2.controllers.includes(controller)) return success(v2);
  return failure(
    'unsupported',
    `the cgroup v2 mount at ${v2.mount} does not offer the ${controller} controller`,
  );
}

/**
 * The path of a process's group in /proc/PID/cgroup, from the root of the hierarchy:
 *
 *     1:cpu,cpuacct:/sage-demo/rate
 *     0::/system.slice/rate.service
 */
export function parseCgroupPath(
  text: string,
  hierarchy: Pick<Hierarchy, 'version' | 'controllers'>,
): string | undefined {
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const names = (match[2] as string).split(',');
    const isIt =
      hierarchy.version === 2
        ? match[1] === '0'
        : names.some((name) => name !== '' && hierarchy.controllers.includes(name));
    if (isIt) return match[3];
  }
  return undefined;
}

/** The folder of a process's group below the mount; undefined where the mount does not show it. */
export function readCgroupDirectory(system: System, hierarchy: Hierarchy, pid: number): string | undefined {
  const path = parseCgroupPath(system.read(`/proc/${pid}/cgroup`) ?? '', hierarchy);
  if (path === undefined) return undefined;
  const relative = posix.relative(hierarchy.root, path);
  if (relative.startsWith('..')) return undefined;
  return relative === '' ? hierarchy.mount : `${hierarchy.mount}/${relative}`;
}

/** `cgroup.procs`: one pid a line. */
export function readGroupPids(system: System, directory: string): readonly number[] {
  return (system.read(`${directory}/cgroup.procs`) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** A runtime may have split a container's group further. */
export function readPidsBelow(system: System, directory: string): readonly number[] {
  return [
    ...readGroupPids(system, directory),
    ...system.directories(directory).flatMap((name) => readPidsBelow(system, `${directory}/${name}`)),
  ];
}

/** From the parent up to the first group below the root: each bounds what the group gets. */
export function groupAncestors({ hierarchy, directory }: ControlGroup): readonly string[] {
  const ancestors: string[] = [];
  let parent = posix.dirname(directory);
  while (parent.startsWith(`${hierarchy.mount}/`)) {
    ancestors.push(parent);
    parent = posix.dirname(parent);
  }
  return ancestors;
}

/**
 * Seconds that the quota has kept the group off the processor. `cpu.stat`, v1 (ns) and v2 (µs):
 *
 *     throttled_time 81920000
 *     throttled_usec 81920
 */
export function parseThrottledSeconds(text: string): number | undefined {
  const v1 = /^throttled_time (\d+)$/m.exec(text);
  if (v1 !== null) return Number(v1[1]) / 1e9;
  const v2 = /^throttled_usec (\d+)$/m.exec(text);
  return v2 === null ? undefined : Number(v2[1]) / 1e6;
}
