import type { TargetState } from '@sage/core';
import type { TargetConfig } from './config.js';
import { cacheWaysState } from './drivers/cache-ways.js';
import { findTargetGroup, quotaCores, readCpuQuota } from './drivers/cgroup-cpu.js';
import { findCoRunners } from './drivers/co-runners.js';
import { findTargetPolicies, whyNotRaisable } from './drivers/cpufreq.js';
import { limitableResources } from './drivers/limit-shared.js';
import { linkRateState } from './drivers/link-rate.js';
import { memoryBandwidthState } from './drivers/memory-bandwidth.js';
import { readPools, readRelayLink } from './drivers/relay-and-pools.js';
import type { Site } from './drivers/site.js';
import type { Sampler } from './sampling/sampler.js';

/** What can be turned at a target, and where it stands now. Knobs that this node does not have are absent. */
export async function readTargetState(
  site: Site,
  target: TargetConfig,
  sampler: Sampler,
): Promise<TargetState> {
  const [link, relay, pools] = await Promise.all([
    linkRateState(site, target),
    readRelayLink(site, target),
    readPools(site, target),
  ]);
  const throttled = sampler.valueOf(target.name, 'cpu_throttled_ratio');
  return {
    target: target.name,
    ...quotaState(site, target),
    ...(throttled === undefined ? {} : { cpuThrottledRatio: throttled }),
    ...frequencyState(site, target),
    ...cacheWaysState(site, target),
    ...memoryBandwidthState(site, target),
    coRunners: findCoRunners(site, target, sampler.usage),
    limitable: ['cpu', ...limitableResources(site, target)],
    ...link,
    ...(relay && target.relay
      ? { linkDelayMs: { current: relay.delayMs, nominal: target.relay.nominalDelayMs } }
      : {}),
    ...(pools ? { pools: pools.map((pool) => ({ ...pool, max: target.maxPoolSize })) } : {}),
  };
}

function quotaState(site: Site, target: TargetConfig): Pick<TargetState, 'cpuQuotaCores'> {
  const group = findTargetGroup(site, target);
  if (!group.ok) return {};
  const quota = readCpuQuota(site.system, group.value.hierarchy, group.value.directory);
  return quota.ok ? { cpuQuotaCores: { current: quotaCores(quota.value), max: target.maxCpuCores } } : {};
}

/** Of several policies the slowest counts, and the least of their maxima. */
function frequencyState(site: Site, target: TargetConfig): Pick<TargetState, 'cpuFrequencyKhz'> {
  const policies = findTargetPolicies(site, target);
  if (!policies.ok || policies.value.some((policy) => whyNotRaisable(site.system, policy) !== undefined))
    return {};
  const currentMin = Math.min(...policies.value.map((policy) => policy.scalingMin));
  return {
    cpuFrequencyKhz: { currentMin, max: Math.min(...policies.value.map((policy) => policy.hardwareMax)) },
  };
}
