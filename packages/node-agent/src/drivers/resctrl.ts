import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { readCacheDomains } from '../procfs/cache.js';
import { shortHash } from '../short-hash.js';
import { parseSchemata } from '../steps/schemata.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { targetCpus } from '../targets/find-target.js';
import type { Planned, Site } from './site.js';

/** Where resctrl is by convention; another mount point is nobody's habit. */
export const RESCTRL = '/sys/fs/resctrl';
/** Groups without it are someone else's. */
const PREFIX = 'sage-';

/** The group of a target; '' is the default group. */
export function targetGroup(target: TargetConfig): string {
  return PREFIX + target.name;
}

/** The group of limited co-runners of the action `id`. */
export function limitedGroup(id: string): string {
  return `${PREFIX}limited:${shortHash(id)}`;
}

export function isOwnGroup(group: string): boolean {
  return group.startsWith(PREFIX);
}

export function groupFolder(group: string): string {
  return group === '' ? RESCTRL : `${RESCTRL}/${group}`;
}

export function readSchemata(system: System, group: string): string {
  return system.read(`${groupFolder(group)}/schemata`) ?? '';
}

/** Names of the control groups besides the default one. */
export function listGroups(system: System): readonly string[] {
  return system
    .list(RESCTRL)
    .filter((name) => name !== 'info' && system.exists(`${RESCTRL}/${name}/schemata`));
}

/** The control group whose `tasks` (one thread id a line) name the process. */
export function groupOf(system: System, pid: number): string {
  return listGroups(system).find((group) => readTasks(system, groupFolder(group)).has(String(pid))) ?? '';
}

/** Threads of a group, control or monitoring: one id a line. */
export function readTasks(system: System, folder: string): ReadonlySet<string> {
  return new Set((system.read(`${folder}/tasks`) ?? '').split('\n'));
}

/** Fewer of any resource bounds the number of groups: `info/L3/num_closids`, `info/MB/num_closids`. */
export function mostGroups(system: System): number {
  const counts = system
    .list(`${RESCTRL}/info`)
    .map((name) => Number.parseInt(system.read(`${RESCTRL}/info/${name}/num_closids`) ?? '', 10))
    .filter((count) => count > 0);
  return Math.min(...counts);
}

export function whyNoResctrl(system: System, what: string): string {
  const mounted = system.exists(`${RESCTRL}/schemata`);
  return mounted ? `the processor has no ${what}` : `resctrl is not mounted at ${RESCTRL}`;
}

/**
 * Processes into a group of ours with some lines of its schemata set (`''`: none needs it). The group is made if it is not there, and goes
 * with the last change that needs it: the kernel gives its threads to the default group, and threads that somebody
 * counted in a monitoring group go back to it.
 */
export function planGroup(
  site: Site,
  group: string,
  pids: readonly number[],
  lines: { readonly value: string; readonly was: string },
): Planned {
  const { system } = site;
  if (!system.writable(`${RESCTRL}/schemata`)) {
    return failure('unsupported', `${RESCTRL} is not writable by the agent`);
  }
  const foreign = findForeignGroup(system, group, pids);
  if (!foreign.ok) return foreign;
  const exists = listGroups(system).includes(group);
  const most = mostGroups(system);
  if (!exists && 1 + listGroups(system).length >= most) {
    return failure('unsupported', `all ${most} resctrl groups of the processor are taken`);
  }
  const folder = groupFolder(group);
  const members = readTasks(system, folder);
  const everyThreadIn = pids.every((pid) =>
    system.list(`/proc/${pid}/task`).every((tid) => members.has(tid)),
  );
  if (exists && everyThreadIn && lines.value === '') return success([]);
  const steps: Step[] = [{ op: 'mkdir', path: folder }];
  if (lines.value !== '') {
    steps.push({ op: 'write', path: `${folder}/schemata`, ...lines, format: 'schemata' });
  }
  if (!exists || !everyThreadIn) {
    const back = monitorTasks(system, pids);
    steps.push({ op: 'tasks', path: `${folder}/tasks`, pids, ...(back === undefined ? {} : { back }) });
  }
  return success(steps);
}

function findForeignGroup(
  system: System,
  group: string,
  pids: readonly number[],
): Outcome<void, 'not-allowed'> {
  for (const pid of pids) {
    const found = groupOf(system, pid);
    if (found === '' || found === group) continue;
    const whose = isOwnGroup(found) ? 'held by another change' : "not Sage's";
    return failure('not-allowed', `process ${pid} is in the resctrl group "${found}", which is ${whose}`);
  }
  return success(undefined);
}

/** `tasks` of the monitoring group below the default group that counts the processes, if any. */
function monitorTasks(system: System, pids: readonly number[]): string | undefined {
  const monitors = `${RESCTRL}/mon_groups`;
  const name = system.list(monitors).find((each) => {
    const members = readTasks(system, `${monitors}/${each}`);
    return pids.some((pid) => members.has(String(pid)));
  });
  return name === undefined ? undefined : `${monitors}/${name}/tasks`;
}

/** Domains of a line of `schemata` where the target runs: those of its processors' caches, all where the node does not tell. */
export function usedDomains(
  site: Site,
  target: TargetConfig,
  line: string,
  level: number,
): readonly number[] {
  const all = [...parseSchemata(readSchemata(site.system, ''), line).keys()];
  const caches = readCacheDomains(site.system, targetCpus(site, target));
  const used = caches.filter((cache) => cache.level === level).map(({ id }) => id);
  return used.length === 0 ? all : all.filter((id) => used.includes(id));
}
