import { failure, type NodeAction } from '@sage/core';
import { planCacheWays } from './drivers/cache-ways.js';
import { planLimitCoRunners } from './drivers/co-runners.js';
import { planCpuQuota } from './drivers/cpu-quota.js';
import { planCpuSet } from './drivers/cpu-set.js';
import { planCpuWeight } from './drivers/cpu-weight.js';
import { planCpuFrequency } from './drivers/cpufreq.js';
import { planDiskWeight } from './drivers/disk-weight.js';
import { planLinkRate } from './drivers/link-rate.js';
import { planMemoryBandwidth } from './drivers/memory-bandwidth.js';
import { planMemoryLimit } from './drivers/memory-limit.js';
import { planLinkDelay, planPoolSize } from './drivers/relay-and-pools.js';
import type { Planned, Site } from './drivers/site.js';

/** Which steps an action takes on this node now, or why it is refused. Writes nothing. */
export async function planAction(
  site: Site,
  id: string,
  action: NodeAction,
  limited: (pid: number) => boolean,
): Promise<Planned> {
  const target = site.config.targets.find(({ name }) => name === action.target);
  if (target === undefined) {
    const known = site.config.targets.map(({ name }) => name).join(', ');
    return failure('unknown-target', `no target "${action.target}" here: expected one of ${known}`);
  }
  switch (action.kind) {
    case 'cpu-quota':
      return planCpuQuota(site, target, action.cores);
    case 'cpu-weight':
      return planCpuWeight(site, target, action.weight);
    case 'cpu-set':
      return planCpuSet(site, target, action.cpus);
    case 'memory-limit':
      return planMemoryLimit(site, target, action.bytes);
    case 'disk-weight':
      return planDiskWeight(site, target, action.weight);
    case 'cpu-frequency':
      return planCpuFrequency(site, target, action.minKhz);
    case 'limit-corunner':
      return planLimitCoRunners(site, target, { pids: action.pids, of: action.of ?? 'cpu', id, limited });
    case 'llc-ways':
      return planCacheWays(site, target, action.ways);
    case 'memory-bandwidth':
      return planMemoryBandwidth(site, target, action.value);
    case 'link-rate':
      return planLinkRate(site, target, action.mbitPerSecond, action.direction);
    case 'link-delay':
      return planLinkDelay(site, target, action.delayMs);
    case 'pool-size':
      return planPoolSize(site, target, action.pool, action.size);
  }
}

/** Whether both limit what co-runners take of one resource. */
export function limitsTheSame(a: NodeAction, b: NodeAction): boolean {
  return a.kind === 'limit-corunner' && b.kind === a.kind && (a.of ?? 'cpu') === (b.of ?? 'cpu');
}

/** Actions with the same key set the same knob: a later one takes over from an earlier one. */
export function knobKey(id: string, action: NodeAction): string {
  const base = `${action.kind}:${action.target}`;
  if (action.kind === 'pool-size') return `${base}:${action.pool}`;
  if (action.kind === 'link-rate') return `${base}:${action.direction ?? 'egress'}`;
  // Each names its own processes.
  return action.kind === 'limit-corunner' ? `${base}:${id}` : base;
}
