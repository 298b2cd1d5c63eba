import { posix } from 'node:path';
import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';

/** Where the cpu controller of this node is. `root` is what part of the hierarchy the mount shows. */
export interface CpuHierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  readonly root: string;
}

/**
 * /proc/self/mountinfo. The fourth field is the part of the file system mounted, then the mount point; after ` - `
 * the type, the source, and the controllers:
 *
 *     32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
 *     30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
 */
export function parseCpuMounts(text: string): readonly CpuHierarchy[] {
  const mounts: CpuHierarchy[] = [];
  for (const line of text.split('\n')) {
    const match = /^\d+ \d+ \S+ (\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$/.exec(line);
    if (match === null) continue;
    const [, root, mount, type, options] = match as unknown as [string, string, string, string, string];
    if (type === 'cgroup2') mounts.push({ version: 2, mount, root });
    else if (options.split(',').includes('cpu')) mounts.push({ version: 1, mount, root });
  }
  return mounts;
}

/** A v1 cpu controller wins over v2, which then is without it; v2 counts only where it offers cpu. */
export function findCpuHierarchy(system: System): Outcome<CpuHierarchy, 'unsupported'> {
  const mounts = parseCpuMounts(system.read('/proc/self/mountinfo') ?? '');
  const v1 = mounts.find((mount) => mount.version === 1);
  if (v1 !== undefined) return success(v1);
  const v2 = mounts.find((mount) => mount.version === 2);
  if (v2 === undefined) return failure('unsupported', 'no cgroup cpu controller is mounted');
  const controllers = (system.read(`${v2.mount}/cgroup.controllers`) ?? '').trim().split(/\s+/);
  if (controllers.includes('cpu')) return success(v2);
  return failure('unsupported', `the cgroup v2 mount at ${v2.mount} does not offer the cpu controller`);
}

/**
 * The path of a process's group in /proc/PID/cgroup, from the root of the hierarchy:
 *
 *     1:cpu:/sage-demo/rate
 *     0::/system.slice/rate.service
 */
export function parseCgroupPath(text: string, version: 1 | 2): string | undefined {
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const isIt = version === 2 ? match[1] === '0' : (match[2] as string).split(',').includes('cpu');
    if (isIt) return match[3];
  }
  return undefined;
}

/** The folder of a process's group below the mount; undefined where the mount does not show it. */
export function readCgroupDirectory(
  system: System,
  hierarchy: CpuHierarchy,
  pid: number,
): string | undefined {
  const path = parseCgroupPath(system.read(`/proc/${pid}/cgroup`) ?? '', hierarchy.version);
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
