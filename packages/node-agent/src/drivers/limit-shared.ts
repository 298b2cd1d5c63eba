import { failure, type SharedResource } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { readCacheDomains } from '../procfs/cache.js';
import { readProcessStatus } from '../procfs/process.js';
import { planLimitCache, readCacheInfo } from './cache-ways.js';
import { planLimitNetwork } from './limit-network.js';
import { planLimitBandwidth, readBandwidthInfo } from './memory-bandwidth.js';
import { groupOf, isOwnGroup, RESCTRL } from './resctrl.js';
import { type Planned, type Site, targetCpus, targetPids } from './site.js';

/** Resources besides the processor of which the node can take something from those that share them. */
export type LimitedResource = Exclude<SharedResource, 'cpu' | 'disk'>;

export function isLimitedResource(of: SharedResource): of is LimitedResource {
  return of === 'llc' || of === 'memory-bandwidth' || of === 'network';
}

/** Those of them that can be limited beside this target. */
export function limitableResources(site: Site, target: TargetConfig): readonly LimitedResource[] {
  const writable = site.system.writable(`${RESCTRL}/schemata`);
  return [
    ...(writable && readCacheInfo(site.system).ok ? (['llc'] as const) : []),
    ...(writable && readBandwidthInfo(site.system).ok ? (['memory-bandwidth'] as const) : []),
    ...(target.link === undefined ? [] : (['network'] as const)),
  ];
}

/** Whether a process shares the resource with the target; and if not, why. */
export function whyNotSharingResource(
  site: Site,
  target: TargetConfig,
  pid: number,
  of: LimitedResource,
): string | undefined {
  if (of === 'network') {
    const namespace = (of: number) => site.system.link(`/proc/${of}/ns/net`);
    const mine = targetPids(site, target).map(namespace);
    return mine.includes(namespace(pid)) ? 'it is in the same network namespace as the target' : undefined;
  }
  const info = readCacheInfo(site.system);
  const level = of === 'llc' && info.ok ? info.value.level : 3;
  const caches = (of: readonly number[]) =>
    readCacheDomains(site.system, of).filter((cache) => cache.level === level);
  const cpus = readProcessStatus(site.system, pid)?.allowedCpus ?? [];
  const mine = caches(targetCpus(site, target)).map(({ id }) => id);
  // A node that does not tell has one cache for all.
  return mine.length === 0 || caches(cpus).some(({ id }) => mine.includes(id))
    ? undefined
    : `it runs on cpu ${cpus.join(',') || '(none)'}, which has no L${level} cache in common with the target`;
}

/** `id` names what is made for it. Processes that another change limits already are left to that one. */
export async function planLimitResource(
  site: Site,
  target: TargetConfig,
  pids: readonly number[],
  id: string,
  of: LimitedResource,
): Promise<Planned> {
  if (of === 'network') return planLimitNetwork(site, target, pids);
  const free = pids.filter((pid) => !isOwnGroup(groupOf(site.system, pid)));
  if (free.length === 0) return failure('busy', `processes ${pids.join(', ')} are limited already`);
  return of === 'llc' ? planLimitCache(site, target, free, id) : planLimitBandwidth(site, target, free, id);
}
