import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { type ControlGroup, groupAncestors } from '../procfs/cgroup.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { findTargetGroup } from '../targets/find-target.js';
import { enclosingPod } from '../targets/group-names.js';
import { readWritable, writeSteps } from './cgroup-file.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

/** Below a twentieth of a core a service cannot answer health checks any more. */
export const LEAST_CPU_CORES = 0.05;
const DEFAULT_PERIOD_US = 100_000;
/** The kernel takes no shorter quota. */
const LEAST_QUOTA_US = 1000;

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

/** Where a quota is written; v1 keeps the period in a file of its own. */
export function quotaPath({ hierarchy, directory }: ControlGroup): string {
  return `${directory}/${hierarchy.version === 2 ? 'cpu.max' : 'cpu.cfs_quota_us'}`;
}

export function quotaText(
  { hierarchy }: ControlGroup,
  quotaUs: number | undefined,
  periodUs: number,
): string {
  return hierarchy.version === 2 ? `${quotaUs ?? 'max'} ${periodUs}` : String(quotaUs ?? -1);
}

export function readCpuQuota(system: System, group: ControlGroup): Outcome<CpuQuota, 'unsupported'> {
  const { hierarchy, directory } = group;
  const text = system.read(quotaPath(group)) ?? '';
  const quota =
    hierarchy.version === 2
      ? parseCpuMax(text)
      : parseCfs(text, system.read(`${directory}/cpu.cfs_period_us`) ?? '');
  if (quota === undefined) return failure('unsupported', `${directory} has no cpu quota`);
  return success({ ...quota, periodUs: quota.periodUs || DEFAULT_PERIOD_US });
}

export function quotaCores(quota: CpuQuota): number | undefined {
  return quota.quotaUs === undefined ? undefined : quota.quotaUs / quota.periodUs;
}

interface BoundedGroup {
  readonly group: ControlGroup;
  readonly quota: CpuQuota;
}

/** The quota of a target and the groups that bound it. All in cores. */
export interface CpuQuotaKnob extends BoundedGroup {
  readonly maxCores: number;
  /** Around a container, where it has a quota: raised along with it. */
  readonly pod: BoundedGroup | undefined;
}

/** What is there, and whether it can be turned. */
export function readCpuQuotaKnob(site: Site, target: TargetConfig): Outcome<CpuQuotaKnob, 'unsupported'> {
  const found = findTargetGroup(site, target, 'cpu');
  if (!found.ok) return found;
  const group = found.value;
  const quota = readCpuQuota(site.system, group);
  if (!quota.ok) return quota;
  const writable = readWritable(site.system, quotaPath(group));
  if (!writable.ok) return writable;
  const podDirectory = enclosingPod(group.directory);
  let pod: BoundedGroup | undefined;
  let maxCores = target.maxCpuCores;
  for (const directory of groupAncestors(group)) {
    const outer = { ...group, directory };
    const bound = readCpuQuota(site.system, outer);
    const cores = bound.ok ? quotaCores(bound.value) : undefined;
    if (!bound.ok || cores === undefined) continue;
    if (directory === podDirectory) pod = { group: outer, quota: bound.value };
    // A quota above that of a group further out has no effect (v2) or is refused (v1).
    else maxCores = Math.min(maxCores, cores);
  }
  return success({ group, quota: quota.value, maxCores, pod });
}

export function planCpuQuota(site: Site, target: TargetConfig, cores: number): Planned {
  const knob = readCpuQuotaKnob(site, target);
  if (!knob.ok) return knob;
  const { group, quota, maxCores, pod } = knob.value;
  if (!isWithin(cores, LEAST_CPU_CORES, maxCores)) {
    return outOfRange('cpu quota', cores, LEAST_CPU_CORES, maxCores, 'cores');
  }
  const burst = readBurstUs(site.system, group);
  if (cores * quota.periodUs < Math.max(LEAST_QUOTA_US, burst)) {
    const least =
      burst > LEAST_QUOTA_US ? `its burst of ${burst} µs` : `the least quota, ${LEAST_QUOTA_US} µs`;
    return failure('unsupported', `${cores} cores in a period of ${quota.periodUs} µs is below ${least}`);
  }
  const outer = pod === undefined ? [] : raisePod(pod, cores - (quotaCores(quota) ?? cores), cores);
  return success([...outer, ...quotaSteps({ group, quota }, cores)]);
}

/** Before the container's, since v1 refuses a quota above the one around it; undo goes in reverse. */
function raisePod(pod: BoundedGroup, extraCores: number, leastCores: number): readonly Step[] {
  const now = quotaCores(pod.quota) as number;
  const wanted = Math.max(now + Math.max(0, extraCores), leastCores);
  return wanted > now ? quotaSteps(pod, wanted) : [];
}

function quotaSteps({ group, quota }: BoundedGroup, cores: number): readonly Step[] {
  const text = (us: number | undefined) => quotaText(group, us, quota.periodUs);
  return writeSteps(quotaPath(group), text(Math.round(cores * quota.periodUs)), text(quota.quotaUs));
}

/** A quota below its burst is refused by the kernel. */
function readBurstUs(system: System, { hierarchy, directory }: ControlGroup): number {
  return Number(
    system.read(`${directory}/${hierarchy.version === 2 ? 'cpu.max.burst' : 'cpu.cfs_burst_us'}`) ?? 0,
  );
}
