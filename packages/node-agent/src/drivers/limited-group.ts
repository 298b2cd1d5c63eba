import { posix } from 'node:path';
import { failure, type Outcome, success } from '@sage/core';
import { type ControlGroup, type Controller, readCgroupDirectory, readGroupPids } from '../procfs/cgroup.js';
import { shortHash } from '../short-hash.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { parseMemoryLimit } from './memory-limit.js';
import type { Planned, Site } from './site.js';

const GROUP_PREFIX = 'sage-limited-';

/** A process as it is now: the start time tells it from a later one with the same pid. */
export interface ProcessInstance {
  readonly pid: number;
  readonly startTicks: number;
}

/** Which steps limit a group; `fresh`: it is made for the purpose, and has the kernel's defaults. */
export type LimitGroup = (group: ControlGroup, fresh: boolean) => Outcome<readonly Step[], 'unsupported'>;

/**
 * Limits processes together. Those that are alone in their group are limited in place, children they start later too; the
 * others move into a group of ours beside their own, below the same bounds.
 */
export function planLimitedGroups(
  site: Site,
  controller: Controller,
  processes: readonly ProcessInstance[],
  id: string,
  limit: LimitGroup,
): Planned {
  const hierarchy = site.groups.hierarchy(controller);
  if (!hierarchy.ok) return hierarchy;
  const { mount } = hierarchy.value;
  const byGroup = new Map<string, ProcessInstance[]>();
  for (const process of processes) {
    const directory = readCgroupDirectory(site.system, hierarchy.value, process.pid) ?? mount;
    byGroup.set(directory, [...(byGroup.get(directory) ?? []), process]);
  }
  const steps: Step[] = [];
  const made = new Set<string>();
  for (const [directory, members] of byGroup) {
    const group = { hierarchy: hierarchy.value, directory };
    const planned = isAlone(site.system, group, members)
      ? limit(group, false)
      : planOwnGroup(site.system, group, members, groupName(id), { controller, limit, made });
    if (!planned.ok) return planned;
    steps.push(...planned.value);
  }
  return success(steps);
}

function groupName(id: string): string {
  return `${GROUP_PREFIX}${shortHash(id)}`;
}

function isAlone(
  system: System,
  { hierarchy, directory }: ControlGroup,
  members: readonly ProcessInstance[],
): boolean {
  const pids = new Set(members.map(({ pid }) => pid));
  return (
    directory !== hierarchy.mount &&
    system.directories(directory).length === 0 &&
    readGroupPids(system, directory).every((pid) => pids.has(pid))
  );
}

function planOwnGroup(
  system: System,
  from: ControlGroup,
  members: readonly ProcessInstance[],
  name: string,
  options: { readonly controller: Controller; readonly limit: LimitGroup; readonly made: Set<string> },
): Outcome<readonly Step[], 'unsupported'> {
  const { hierarchy, directory } = from;
  // The trees of v1 are apart, so that one place serves all; in the one tree of v2 what bounds the parent must go on.
  const parent =
    hierarchy.version === 1 || directory === hierarchy.mount ? hierarchy.mount : posix.dirname(directory);
  const why = whyNoGroupIn(system, from, parent, options.controller);
  if (why !== undefined) return failure('unsupported', why);
  const group = { hierarchy, directory: `${parent}/${name}` };
  const limits = options.limit(group, true);
  if (!limits.ok) return limits;
  const first = !options.made.has(group.directory);
  options.made.add(group.directory);
  const making: readonly Step[] = [
    { op: 'mkdir', path: group.directory, evacuateTo: `${directory}/cgroup.procs` },
    ...limits.value,
  ];
  const moves = members.map(
    (process): Step => ({
      op: 'move',
      ...process,
      to: `${group.directory}/cgroup.procs`,
      from: `${directory}/cgroup.procs`,
    }),
  );
  return success([...(first ? making : []), ...moves]);
}

function whyNoGroupIn(
  system: System,
  from: ControlGroup,
  parent: string,
  controller: Controller,
): string | undefined {
  if (!system.writable(parent) || !system.writable(`${parent}/cgroup.procs`)) {
    return `${parent} is not writable by the agent`;
  }
  if (from.hierarchy.version === 1) return undefined;
  const enabled = (system.read(`${parent}/cgroup.subtree_control`) ?? '').trim().split(/\s+/);
  if (!enabled.includes(controller)) return `${parent}/cgroup.subtree_control does not enable ${controller}`;
  const memory = parseMemoryLimit(system.read(`${from.directory}/memory.max`) ?? 'max');
  return memory === undefined
    ? undefined
    : `a process moved out of ${from.directory} would leave its memory limit`;
}
