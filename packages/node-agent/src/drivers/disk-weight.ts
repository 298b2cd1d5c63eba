import { failure, type Outcome } from '@sage/core';
import type { TargetConfig } from '../config.js';
import type { ControlGroup } from '../procfs/cgroup.js';
import type { System } from '../system.js';
import { type Disk, readDisks, readScheduler } from '../targets/disks.js';
import { findTargetGroup, targetPids } from '../targets/find-target.js';
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

const LARGEST_BFQ = 1000;
const [LEAST_CFQ, USUAL_CFQ, LARGEST_CFQ] = [10, 500, 1000];

const COST: WeightScale = { file: 'io.weight', toFile: (weight) => weight, fromFile: (value) => value };

/**
 * BFQ has weights of 1 to 1000, usually 100. As systemd converts (`BFQ_WEIGHT`): below the usual weight as it is, above
 * linearly from 100…10000 to 100…1000.
 */
const bfq = (file: string): WeightScale => ({
  file,
  toFile: (weight) =>
    weight <= USUAL_WEIGHT ? weight : Math.floor(between(weight, LARGEST_WEIGHT, LARGEST_BFQ)),
  // Rounded up, so that there and back is the same number in the file.
  fromFile: (value) =>
    value <= USUAL_WEIGHT ? value : Math.ceil(between(value, LARGEST_BFQ, LARGEST_WEIGHT)),
});

function between(value: number, from: number, to: number): number {
  return USUAL_WEIGHT + ((value - USUAL_WEIGHT) * (to - USUAL_WEIGHT)) / (from - USUAL_WEIGHT);
}

/** CFQ, up to Linux 4: 10 to 1000, usually 500. As systemd converts (`cgroup_weight_io_to_blkio`): times 5. */
const CFQ: WeightScale = {
  file: 'blkio.weight',
  toFile: (weight) =>
    Math.min(LARGEST_CFQ, Math.max(LEAST_CFQ, Math.round((weight * USUAL_CFQ) / USUAL_WEIGHT))),
  fromFile: (value) => Math.max(LEAST_WEIGHT, Math.round((value * USUAL_WEIGHT) / USUAL_CFQ)),
};

/** Weights mean something to two schedulers and to the cost model of v2 only: elsewhere the files are there in vain. */
function findScale(
  system: System,
  group: ControlGroup,
  disks: ReadonlySet<Disk>,
): Outcome<WeightScale, 'unsupported'> {
  const { hierarchy, directory } = group;
  const schedules = (name: string) => [...disks].some((disk) => readScheduler(system, disk) === name);
  const costs = system.read(`${hierarchy.mount}/io.cost.qos`) ?? '';
  const candidates: readonly (readonly [WeightScale, boolean])[] =
    hierarchy.version === 2
      ? [
          [bfq('io.bfq.weight'), schedules('bfq')],
          [COST, [...disks].some((disk) => new RegExp(`^${disk} enable=1\\b`, 'm').test(costs))],
        ]
      : [
          [bfq('blkio.bfq.weight'), schedules('bfq')],
          [CFQ, schedules('cfq')],
        ];
  const found = candidates.find(([{ file }, works]) => works && system.exists(`${directory}/${file}`));
  if (found !== undefined) return { ok: true, value: found[0] };
  const names = [...disks]
    .map((disk) => `${disk} (${readScheduler(system, disk) ?? 'no scheduler'})`)
    .join(', ');
  return failure('unsupported', `no disk weight has an effect on ${names || 'any disk: none is seen'}`);
}

export function readDiskWeightKnob(site: Site, target: TargetConfig): Outcome<WeightKnob, 'unsupported'> {
  const group = findTargetGroup(site, target, 'io');
  if (!group.ok) return group;
  const disks = readDisks(site.system, targetPids(site, target));
  const scale = findScale(site.system, group.value, disks);
  return scale.ok ? readWeightKnob(site.system, group.value, scale.value, target.maxDiskWeight) : scale;
}

export function planDiskWeight(site: Site, target: TargetConfig, weight: number): Planned {
  const knob = readDiskWeightKnob(site, target);
  return knob.ok ? planWeight(site.system, 'disk weight', knob.value, weight) : knob;
}
