import { posix } from 'node:path';
import { type Mount, parseMounts, readNodeMounts } from '../procfs/mountinfo.js';
import type { System } from '../system.js';

/** A whole disk as the block controllers name it: `major:minor`. */
export type Disk = string;

/** Memory, loop devices and optical drives: their data is elsewhere or never written. */
const NO_DISKS = new Set(['1', '7', '11']);
const BLOCK = '/sys/dev/block';

/** The disks that hold the writable file systems of a process, as it sees them. */
export function readProcessDisks(system: System, pid: number): ReadonlySet<Disk> {
  const mounts = parseMounts(system.read(`/proc/${pid}/mountinfo`) ?? '').filter(({ readOnly }) => !readOnly);
  const devices = new Set(mounts.flatMap((mount) => deviceOf(system, mount) ?? []));
  return new Set([...devices].flatMap((device) => wholeDisks(system, device)));
}

/** Of all processes: those of one mount namespace see the same. */
export function readDisks(system: System, pids: readonly number[]): ReadonlySet<Disk> {
  const byNamespace = new Map(pids.map((pid) => [system.link(`/proc/${pid}/ns/mnt`) ?? pid, pid]));
  return new Set([...byNamespace.values()].flatMap((pid) => [...readProcessDisks(system, pid)]));
}

/** The block device behind a mount; undefined for file systems of the kernel's own and of other machines. */
function deviceOf(system: System, mount: Mount): string | undefined {
  if (!mount.device.startsWith('0:')) return mount.device;
  if (mount.type === 'overlay') {
    // A container writes into the upper layer, a folder of the node.
    const upper = mount.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length);
    const under = upper === undefined ? undefined : mountHolding(readNodeMounts(system), upper);
    return under === undefined || under.type === 'overlay' ? undefined : deviceOf(system, under);
  }
  // btrfs numbers its subvolumes itself; the source is a device all the same.
  if (!mount.source.startsWith('/dev/')) return undefined;
  return system.read(`/sys/class/block/${posix.basename(mount.source)}/dev`)?.trim();
}

function mountHolding(mounts: readonly Mount[], path: string): Mount | undefined {
  const holds = ({ point }: Mount) => point === '/' || path === point || path.startsWith(`${point}/`);
  // Of mounts at one point the last hides the others.
  return mounts
    .filter(holds)
    .reduce<Mount | undefined>(
      (best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
      undefined,
    );
}

/** Limits are set on disks, not on partitions, and on what volumes (device mapper, RAID) are made of. */
function wholeDisks(system: System, device: string): readonly Disk[] {
  if (NO_DISKS.has(device.split(':')[0] as string)) return [];
  const link = system.link(`${BLOCK}/${device}`);
  if (link === undefined) return [];
  const folder = posix.join(BLOCK, link);
  if (system.exists(`${folder}/partition`)) {
    const disk = system.read(`${posix.dirname(folder)}/dev`)?.trim();
    return disk === undefined ? [] : [disk];
  }
  const slaves = system.list(`${folder}/slaves`).flatMap((name) => {
    const slave = system.read(`/sys/class/block/${name}/dev`)?.trim();
    return slave === undefined ? [] : wholeDisks(system, slave);
  });
  return slaves.length > 0 ? slaves : [device];
}

/**
 * The scheduler of a disk, the bracketed one of `queue/scheduler`:
 *
 *     none [mq-deadline] kyber bfq
 */
export function readScheduler(system: System, disk: Disk): string | undefined {
  const link = system.link(`${BLOCK}/${disk}`);
  const text = link === undefined ? undefined : system.read(`${posix.join(BLOCK, link)}/queue/scheduler`);
  return /\[([^\]]+)\]/.exec(text ?? '')?.[1];
}
