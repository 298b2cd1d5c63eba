import { failure, success } from '@sage/core';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import type { Disk } from '../targets/disks.js';
import { writeSteps } from './cgroup-file.js';
import { quotaCores, quotaPath, quotaText, readCpuQuota } from './cpu-quota.js';
import type { LimitGroup } from './limited-group.js';

/** What limited processes get together: 5 % of a core. */
export const LIMITED_CORES = 0.05;
/** What limited processes get together of each disk, reading and writing alike: 1 MiB/s. */
export const LIMITED_DISK_BYTES_PER_SECOND = 1_048_576;
const PERIOD_US = 100_000;

/** A quota; a lower one stays. */
export function limitCpu(system: System): LimitGroup {
  return (group, fresh) => {
    const quota = fresh ? success({ quotaUs: undefined, periodUs: PERIOD_US }) : readCpuQuota(system, group);
    if (!quota.ok) return quota;
    const { quotaUs, periodUs } = quota.value;
    if ((quotaCores(quota.value) ?? Number.POSITIVE_INFINITY) <= LIMITED_CORES) return success([]);
    const text = (us: number | undefined) => quotaText(group, us, periodUs);
    return success(writeSteps(quotaPath(group), text(Math.round(LIMITED_CORES * periodUs)), text(quotaUs)));
  };
}

/**
 * Bytes per second to and from each of the target's disks; lower ones stay, and so do limits of operations. v2 has one line
 * for a disk, v1 a file for each way:
 *
 *     io.max                              8:0 rbps=1048576 wbps=1048576 riops=max wiops=max
 *     blkio.throttle.read_bps_device      8:0 1048576
 */
export function limitDisk(system: System, disks: ReadonlySet<Disk>): LimitGroup {
  return ({ hierarchy, directory }, fresh) => {
    const files =
      hierarchy.version === 2
        ? ['io.max']
        : ['blkio.throttle.read_bps_device', 'blkio.throttle.write_bps_device'];
    const steps: Step[] = [];
    for (const path of files.map((file) => `${directory}/${file}`)) {
      const text = fresh ? '' : system.read(path);
      if (text === undefined) return failure('unsupported', `${path} does not exist`);
      for (const disk of disks) {
        const line = text
          .split('\n')
          .find((each) => each.startsWith(`${disk} `))
          ?.trim();
        const [value, was] = hierarchy.version === 2 ? ioMaxLines(disk, line) : throttleLines(disk, line);
        steps.push(...writeSteps(path, value, was, 'line'));
      }
    }
    return success(steps);
  };
}

/** The line to write, and the one that brings back what was there. */
function ioMaxLines(disk: Disk, line = ''): readonly [string, string] {
  const value = (key: string) => new RegExp(`\\b${key}=(\\d+)`).exec(line)?.[1];
  const compose = (bytes: (key: string) => string | number) =>
    `${disk} rbps=${bytes('rbps')} wbps=${bytes('wbps')} riops=${value('riops') ?? 'max'} wiops=${value('wiops') ?? 'max'}`;
  return [
    compose((key) => Math.min(LIMITED_DISK_BYTES_PER_SECOND, Number(value(key) ?? Number.POSITIVE_INFINITY))),
    compose((key) => value(key) ?? 'max'),
  ];
}

/** Writing 0 removes the line. */
function throttleLines(disk: Disk, line = `${disk} 0`): readonly [string, string] {
  const now = Number(line.split(' ')[1]) || Number.POSITIVE_INFINITY;
  return [`${disk} ${Math.min(LIMITED_DISK_BYTES_PER_SECOND, now)}`, line];
}
