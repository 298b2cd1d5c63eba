import { failure, type NodeAction, type Outcome } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { limitableResources } from './co-runners.js';
import { readCpuQuotaKnob } from './cpu-quota.js';
import { readCpuSetKnob } from './cpu-set.js';
import { readCpuWeightKnob } from './cpu-weight.js';
import { readFrequencyKnob } from './cpufreq.js';
import { readDiskWeightKnob } from './disk-weight.js';
import { readMemoryKnob } from './memory-limit.js';
import type { Site } from './site.js';

type Support = (site: Site, target: TargetConfig) => Outcome<unknown, 'unsupported'>;

/** Of knobs of control groups and processors: whether this one can be turned at a target here and now, and why not. */
export const GROUP_KNOBS = {
  'cpu-quota': readCpuQuotaKnob,
  'cpu-weight': readCpuWeightKnob,
  'cpu-set': readCpuSetKnob,
  'cpu-frequency': readFrequencyKnob,
  'memory-limit': readMemoryKnob,
  'disk-weight': readDiskWeightKnob,
  'limit-corunner': coRunnerSupport,
} as const satisfies Partial<Record<NodeAction['kind'], Support>>;

function coRunnerSupport(site: Site): Outcome<unknown, 'unsupported'> {
  if (site.config.coRunners.allow.length === 0) {
    return failure('unsupported', 'co_runners.allow names no command: nobody may be limited');
  }
  if (limitableResources(site).length > 0) return { ok: true, value: undefined };
  return failure('unsupported', 'no cgroup controller can limit processes, and co_runners.suspend is false');
}
