import type { TargetState } from '@sage/core';
import type { TargetConfig } from './config.js';
import { cacheWaysState } from './drivers/cache-ways.js';
import { allTargetPids, findCoRunners, limitableInGroups } from './drivers/co-runners.js';
import { quotaCores, readCpuQuotaKnob } from './drivers/cpu-quota.js';
import { readCpuSetKnob } from './drivers/cpu-set.js';
import { readCpuWeightKnob } from './drivers/cpu-weight.js';
import { readFrequencyKnob } from './drivers/cpufreq.js';
import { readDiskWeightKnob } from './drivers/disk-weight.js';
import { limitableOutsideGroups } from './drivers/limit-shared.js';
import { linkRateState } from './drivers/link-rate.js';
import { memoryBandwidthState } from './drivers/memory-bandwidth.js';
import { readMemoryKnob } from './drivers/memory-limit.js';
import { readPools, readRelayLink } from './drivers/relay-and-pools.js';
import type { Site } from './drivers/site.js';
import type { Sampler } from './sampling/sampler.js';

export function readTargetStates(site: Site, sampler: Sampler): Promise<readonly TargetState[]> {
  const targets = allTargetPids(site);
  return Promise.all(site.config.targets.map((target) => readTargetState(site, target, sampler, targets)));
}

/** What can be turned at a target, and where it stands now. Knobs that this node does not have are absent. */
export async function readTargetState(
  site: Site,
  target: TargetConfig,
  sampler: Sampler,
  targets: ReadonlySet<number> = allTargetPids(site),
): Promise<TargetState> {
  const [link, relay, pools] = await Promise.all([
    linkRateState(site, target),
    readRelayLink(site, target),
    readPools(site, target),
  ]);
  const throttled = sampler.valueOf(target.name, 'cpu_throttled_ratio');
  const used = sampler.valueOf(target.name, 'cpu_usage_cores');
  return {
    target: target.name,
    ...processorState(site, target),
    ...(throttled === undefined ? {} : { cpuThrottledRatio: throttled }),
    ...(used === undefined ? {} : { cpuUsedCores: used }),
    ...memoryAndDiskState(site, target),
    ...cacheWaysState(site, target),
    ...memoryBandwidthState(site, target),
    coRunners: findCoRunners(site, target, sampler.usage, targets),
    limitable: [...limitableInGroups(site), ...limitableOutsideGroups(site, target)],
    ...link,
    ...(relay && target.relay
      ? { linkDelayMs: { current: relay.delayMs, nominal: target.relay.nominalDelayMs } }
      : {}),
    ...(pools ? { pools: pools.map((pool) => ({ ...pool, max: target.maxPoolSize })) } : {}),
  };
}

function processorState(
  site: Site,
  target: TargetConfig,
): Pick<TargetState, 'cpuQuotaCores' | 'cpuWeight' | 'cpuSet' | 'cpuFrequencyKhz'> {
  const quota = readCpuQuotaKnob(site, target);
  const weight = readCpuWeightKnob(site, target);
  const set = readCpuSetKnob(site, target);
  const frequency = readFrequencyKnob(site, target);
  return {
    ...(quota.ok && {
      cpuQuotaCores: { current: quotaCores(quota.value.quota), max: quota.value.maxCores },
    }),
    ...(weight.ok && { cpuWeight: { current: weight.value.current, max: weight.value.max } }),
    ...(set.ok && { cpuSet: { current: set.value.current, allowed: set.value.allowed } }),
    ...(frequency.ok && {
      cpuFrequencyKhz: { currentMin: frequency.value.currentMin, max: frequency.value.max },
    }),
  };
}

function memoryAndDiskState(
  site: Site,
  target: TargetConfig,
): Pick<TargetState, 'memoryLimitBytes' | 'diskWeight'> {
  const memory = readMemoryKnob(site, target);
  const weight = readDiskWeightKnob(site, target);
  return {
    ...(memory.ok && {
      memoryLimitBytes: {
        current: memory.value.current,
        max: memory.value.max,
        used: memory.value.used,
      },
    }),
    ...(weight.ok && { diskWeight: { current: weight.value.current, max: weight.value.max } }),
  };
}
