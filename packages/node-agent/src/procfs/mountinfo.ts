import type { System } from '../system.js';

export interface Mount {
  /** `major:minor`; major 0 for what no block device holds. */
  readonly device: string;
  /** What part of the file system is mounted. */
  readonly root: string;
  readonly point: string;
  readonly readOnly: boolean;
  readonly type: string;
  readonly source: string;
  /** Of the file system, not of the mount: the controllers of a cgroup v1 hierarchy, the layers of an overlay. */
  readonly options: readonly string[];
}

/**
 * /proc/PID/mountinfo: device, root, mount point and flags; after ` - ` type, source and options. Spaces in paths are
 * octal escapes:
 *
 *     27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
 *     32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
 */
export function parseMounts(text: string): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const match = /^\d+ \d+ (\d+:\d+) (\S+) (\S+) (\S+) (?:\S+ )*?- (\S+) (\S*) (\S+)$/.exec(line);
    if (match === null) continue;
    const [device, root, point, flags, type, source, options] = match.slice(1) as [string, ...string[]];
    mounts.push({
      device,
      root: unescaped(root as string),
      point: unescaped(point as string),
      readOnly: (flags as string).split(',').includes('ro'),
      type: type as string,
      source: unescaped(source as string),
      options: (options as string).split(',').map(unescaped),
    });
  }
  return mounts;
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The mounts of the node: as init sees them, since an agent in a container has others; its own where it may not look. */
export function readNodeMounts(system: System): readonly Mount[] {
  return parseMounts(system.read('/proc/1/mountinfo') ?? system.read('/proc/self/mountinfo') ?? '');
}
