import { failure, type SharedResource } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { readCacheDomains } from '../procfs/cache.js';
import { readProcessStatus } from '../procfs/process.js';
import { targetCpus, targetPids } from '../targets/find-target.js';
import { planLimitCache, readCacheInfo } from './cache-ways.js';
import { planLimitNetwork } from './limit-network.js';
import { planLimitBandwidth, readBandwidthInfo } from './memory-bandwidth.js';
import { groupOf, isOwnGroup, RESCTRL } from './resctrl.js';
import type { Planned, Site, WhyNotSharing } from './site.js';

/** Resources that control groups do not divide: resctrl and the queues of interfaces do. */
export type OutsideGroups = Exclude<SharedResource, 'cpu' | 'disk'>;

/** Those of them that can be limited beside this target. */
export function limitableOutsideGroups(site: Site, target: TargetConfig): readonly OutsideGroups[] {
  const writable = site.system.writable(`${RESCTRL}/schemata`);
  return [
    ...(writable && readCacheInfo(site.system).ok ? (['llc'] as const) : []),
    ...(writable && readBandwidthInfo(site.system).ok ? (['memory-bandwidth'] as const) : []),
    ...(target.link === undefined ? [] : (['network'] as const)),
  ];
}

/** A cache of the target, or the interfaces of the node. */
export function sharingOutsideGroups(site: Site, target: TargetConfig, of: OutsideGroups): WhyNotSharing {
  return of === 'network' ? networkSharing(site, target) : cacheSharing(site, target, of);
}

function networkSharing(site: Site, target: TargetConfig): WhyNotSharing {
  const namespaceOf = (pid: number) => site.system.link(`/proc/${pid}/ns/net`);
  const targets = targetPids(site, target).map(namespaceOf);
  return (pid) =>
    targets.includes(namespaceOf(pid)) ? 'it is in the same network namespace as the target' : undefined;
}

function cacheSharing(site: Site, target: TargetConfig, of: OutsideGroups): WhyNotSharing {
  const info = readCacheInfo(site.system);
  const level = of === 'llc' && info.ok ? info.value.level : 3;
  const cachesOf = (cpus: readonly number[]) =>
    readCacheDomains(site.system, cpus)
      .filter((cache) => cache.level === level)
      .map(({ id }) => id);
  const targets = cachesOf(targetCpus(site, target));
  return (pid) => {
    const cpus = readProcessStatus(site.system, pid)?.allowedCpus ?? [];
    // A node that does not tell has one cache for all.
    if (targets.length === 0 || cachesOf(cpus).some((id) => targets.includes(id))) return undefined;
    return `it runs on cpu ${cpus.join(',') || '(none)'}, which has no L${level} cache in common with the target`;
  };
}

/** `id` names what is made for it. Processes that another change limits already are left to that one. */
export async function planLimitOutsideGroups(
  site: Site,
  target: TargetConfig,
  pids: readonly number[],
  id: string,
  of: OutsideGroups,
): Promise<Planned> {
  if (of === 'network') return planLimitNetwork(site, target, pids);
  const free = pids.filter((pid) => !isOwnGroup(groupOf(site.system, pid)));
  if (free.length === 0) return failure('busy', `processes ${pids.join(', ')} are limited already`);
  return of === 'llc' ? planLimitCache(site, target, free, id) : planLimitBandwidth(site, target, free, id);
}
