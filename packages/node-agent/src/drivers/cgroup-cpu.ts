import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { type CpuHierarchy, findCpuHierarchy, readCgroupDirectory } from '../procfs/cgroup.js';
import type { System } from '../system.js';
import { isWithin, outOfRange, type Planned, type Site, targetPids } from './site.js';

/** Below a twentieth of a core a service cannot answer health checks any more. */
export const LEAST_CPU_CORES = 0.05;
const DEFAULT_PERIOD_US = 100_000;

export interface CpuQuota {
  /** undefined: no limit. */
  readonly quotaUs: number | undefined;
  readonly periodUs: number;
}

/**
 * v2 `cpu.max`:
 *
 *     50000 100000
 *     max 100000
 */
export function parseCpuMax(text: string): CpuQuota | undefined {
  const match = /^(max|\d+) (\d+)\s*$/.exec(text);
  if (match === null) return undefined;
  return { quotaUs: match[1] === 'max' ? undefined : Number(match[1]), periodUs: Number(match[2]) };
}

/**
 * v1 `cpu.cfs_quota_us` and `cpu.cfs_period_us`; a quota of -1 is no limit:
 *
 *     -1
 *     100000
 */
export function parseCfs(quota: string, period: string): CpuQuota | undefined {
  if (!/^-?\d+\s*$/.test(quota) || !/^\d+\s*$/.test(period)) return undefined;
  return { quotaUs: Number(quota) < 0 ? undefined : Number(quota), periodUs: Number(period) };
}

export function readCpuQuota(
  system: System,
  hierarchy: CpuHierarchy,
  directory: string,
): Outcome<CpuQuota, 'unsupported'> {
  const quota =
    hierarchy.version === 2
      ? parseCpuMax(system.read(`${directory}/cpu.max`) ?? '')
      : parseCfs(
          system.read(`${directory}/cpu.cfs_quota_us`) ?? '',
          system.read(`${directory}/cpu.cfs_period_us`) ?? '',
        );
  if (quota === undefined) return failure('unsupported', `${directory} has no cpu quota`);
  return success(quota);
}

export function quotaCores(quota: CpuQuota): number | undefined {
  return quota.quotaUs === undefined ? undefined : quota.quotaUs / quota.periodUs;
}

/** The target's group in the cpu hierarchy; the root group is no target's own. */
export function findTargetGroup(
  site: Site,
  target: TargetConfig,
): Outcome<{ readonly hierarchy: CpuHierarchy; readonly directory: string }, 'unsupported'> {
  const hierarchy = findCpuHierarchy(site.system);
  if (!hierarchy.ok) return hierarchy;
  const pid = targetPids(site, target)[0];
  const directory =
    target.cgroup !== undefined
      ? `${hierarchy.value.mount}/${target.cgroup}`
      : pid === undefined
        ? undefined
        : readCgroupDirectory(site.system, hierarchy.value, pid);
  if (directory === undefined || directory === hierarchy.value.mount) {
    return failure('unsupported', `${target.name} runs in no cpu cgroup of its own`);
  }
  if (!site.system.exists(directory)) return failure('unsupported', `the cgroup ${directory} does not exist`);
  return success({ hierarchy: hierarchy.value, directory });
}

export function planCpuQuota(site: Site, target: TargetConfig, cores: number): Planned {
  if (!isWithin(cores, LEAST_CPU_CORES, target.maxCpuCores)) {
    return outOfRange('cpu quota', cores, LEAST_CPU_CORES, target.maxCpuCores, 'cores');
  }
  const group = findTargetGroup(site, target);
  if (!group.ok) return group;
  const { hierarchy, directory } = group.value;
  const now = readCpuQuota(site.system, hierarchy, directory);
  if (!now.ok) return now;
  const periodUs = now.value.periodUs || DEFAULT_PERIOD_US;
  const quotaUs = Math.round(cores * periodUs);
  if (now.value.quotaUs === quotaUs) return success([]);
  const file = hierarchy.version === 2 ? 'cpu.max' : 'cpu.cfs_quota_us';
  const path = `${directory}/${file}`;
  if (!site.system.writable(path)) return failure('unsupported', `${path} is not writable by the agent`);
  const text = (us: number | undefined) =>
    hierarchy.version === 2 ? `${us ?? 'max'} ${periodUs}` : String(us ?? -1);
  return success([{ op: 'write', path, value: text(quotaUs), was: text(now.value.quotaUs), format: 'text' }]);
}
