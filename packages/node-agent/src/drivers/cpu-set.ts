import { posix } from 'node:path';
import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import type { ControlGroup } from '../procfs/cgroup.js';
import { formatCpuList, parseCpuList } from '../procfs/cpu-list.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { findTargetGroup } from '../targets/find-target.js';
import { readWritable, writeSteps } from './cgroup-file.js';
import type { Planned, Site } from './site.js';

export interface CpuSetKnob {
  readonly group: ControlGroup;
  /** The file's text; empty (v2): whatever the parent has. */
  readonly text: string;
  readonly current: readonly number[];
  /** Online, and the parent's. */
  readonly allowed: readonly number[];
}

export function readCpuSetKnob(site: Site, target: TargetConfig): Outcome<CpuSetKnob, 'unsupported'> {
  const { system } = site;
  const found = findTargetGroup(site, target, 'cpuset');
  if (!found.ok) return found;
  const { directory } = found.value;
  const text = readWritable(system, `${directory}/cpuset.cpus`);
  if (!text.ok) return text;
  const partition = system.read(`${directory}/cpuset.cpus.partition`)?.trim() ?? 'member';
  if (partition !== 'member') {
    return failure(
      'unsupported',
      `${directory} is a cpuset partition (${partition}): its processors are not shared`,
    );
  }
  return success({
    group: found.value,
    text: text.value,
    current: readEffective(system, found.value.hierarchy.version, directory),
    allowed: readEffective(system, found.value.hierarchy.version, posix.dirname(directory)),
  });
}

/** Processors that a group really has: offline ones fall out. */
function readEffective(system: System, version: 1 | 2, directory: string): readonly number[] {
  const file = version === 2 ? 'cpuset.cpus.effective' : 'cpuset.effective_cpus';
  return parseCpuList(system.read(`${directory}/${file}`) ?? system.read(`${directory}/cpuset.cpus`) ?? '');
}

export function planCpuSet(site: Site, target: TargetConfig, cpus: readonly number[]): Planned {
  const knob = readCpuSetKnob(site, target);
  if (!knob.ok) return knob;
  const { group, text, allowed } = knob.value;
  const foreign = cpus.filter((cpu) => !allowed.includes(cpu));
  if (cpus.length === 0 || foreign.length > 0) {
    const given = cpus.length === 0 ? 'no cpu' : `cpu ${foreign.join(',')}`;
    return failure(
      'out-of-range',
      `${given}: expected some of ${formatCpuList(allowed)}, online and allowed`,
    );
  }
  const own = writeSteps(`${group.directory}/cpuset.cpus`, formatCpuList(cpus), text);
  return success([...memorySteps(site.system, group), ...own]);
}

/** A v1 group without memory nodes can hold no process, whatever processors it has. */
function memorySteps(system: System, { hierarchy, directory }: ControlGroup): readonly Step[] {
  const path = `${directory}/cpuset.mems`;
  if (hierarchy.version === 2 || system.read(path)?.trim() !== '') return [];
  const parent = posix.dirname(directory);
  const nodes = system.read(`${parent}/cpuset.effective_mems`) ?? system.read(`${parent}/cpuset.mems`) ?? '';
  return writeSteps(path, nodes.trim(), '');
}
