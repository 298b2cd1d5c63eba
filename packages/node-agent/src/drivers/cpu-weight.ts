import type { Outcome } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { findTargetGroup } from '../targets/find-target.js';
import type { Planned, Site } from './site.js';
import {
  LARGEST_WEIGHT,
  LEAST_WEIGHT,
  planWeight,
  readWeightKnob,
  USUAL_WEIGHT,
  type WeightKnob,
  type WeightScale,
} from './weight.js';

const USUAL_SHARES = 1024;
const LEAST_SHARES = 2;
const LARGEST_SHARES = 262_144;

const V2: WeightScale = { file: 'cpu.weight', toFile: (weight) => weight, fromFile: (value) => value };

/**
 * Shares of v1 are weights of v2 times 10.24, as the kernel itself converts them (`sched_weight_from_cgroup` in
 * kernel/sched/core.c) and systemd does; 2 to 262144, usually 1024.
 */
const V1: WeightScale = {
  file: 'cpu.shares',
  toFile: (weight) => clamp((weight * USUAL_SHARES) / USUAL_WEIGHT, LEAST_SHARES, LARGEST_SHARES),
  fromFile: (shares) => clamp((shares * USUAL_WEIGHT) / USUAL_SHARES, LEAST_WEIGHT, LARGEST_WEIGHT),
};

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.round(value)));
}

export function readCpuWeightKnob(site: Site, target: TargetConfig): Outcome<WeightKnob, 'unsupported'> {
  const group = findTargetGroup(site, target, 'cpu');
  if (!group.ok) return group;
  const scale = group.value.hierarchy.version === 2 ? V2 : V1;
  return readWeightKnob(site.system, group.value, scale, target.maxCpuWeight);
}

export function planCpuWeight(site: Site, target: TargetConfig, weight: number): Planned {
  const knob = readCpuWeightKnob(site, target);
  return knob.ok ? planWeight(site.system, 'cpu weight', knob.value, weight) : knob;
}
