import { type CoRunner, failure, type NodeAction, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { findCpuHierarchy, readCgroupDirectory } from '../procfs/cgroup.js';
import { overlaps } from '../procfs/cpu-list.js';
import { readCommandLine, readProcessStat, readProcessStatus } from '../procfs/process.js';
import { shortHash } from '../short-hash.js';
import type { Step } from '../steps/step.js';
import { isAllowedCommand } from './allow-list.js';
import { isLimitedResource, planLimitResource, whyNotSharingResource } from './limit-shared.js';
import { type Planned, type Site, targetCpus, targetPids } from './site.js';

/** What limited processes get together: 5 % of a core. */
export const LIMITED_CORES = 0.05;
const GROUP_PREFIX = 'sage-limited-';
const PERIOD_US = 100_000;
const LEAST_NOTICEABLE_CORES = 0.005;

/** Whether a process shares the target's cgroup or processors; and if not, why. */
export function whyNotSharing(site: Site, target: TargetConfig, pid: number): string | undefined {
  const hierarchy = findCpuHierarchy(site.system);
  if (hierarchy.ok) {
    const first = targetPids(site, target)[0];
    const mine = first === undefined ? undefined : readCgroupDirectory(site.system, hierarchy.value, first);
    const its = readCgroupDirectory(site.system, hierarchy.value, pid);
    // Everything may be in the root group: being there shares no quota.
    if (mine !== undefined && mine === its && mine !== hierarchy.value.mount) return undefined;
  }
  const cpus = readProcessStatus(site.system, pid)?.allowedCpus ?? [];
  const targets = targetCpus(site, target);
  if (overlaps(cpus, targets)) return undefined;
  return `it runs on cpu ${cpus.join(',') || '(none)'}, the target on cpu ${targets.join(',') || '(none)'}`;
}

/** Of the processes that the allow-list names, those that share and use the processor now. */
export function findCoRunners(
  site: Site,
  target: TargetConfig,
  usage: ReadonlyMap<number, Omit<CoRunner, 'pid'>>,
): readonly CoRunner[] {
  const own = new Set(site.config.targets.flatMap((each) => targetPids(site, each)));
  return [...usage]
    .filter(([pid, use]) => use.cpuCores > LEAST_NOTICEABLE_CORES && pid !== site.ownPid && !own.has(pid))
    .filter(([pid]) => whyNotSharing(site, target, pid) === undefined)
    .map(([pid, use]) => ({ pid, ...use, command: use.command.slice(0, 200) }))
    .sort((a, b) => b.cpuCores - a.cpuCores);
}

/**
 * Into a group of our own with a small quota where there is a cpu controller; else, where the configuration allows it,
 * stopped. `id` names the group; `limited` tells processes that are limited already.
 */
export async function planLimitCoRunners(
  site: Site,
  target: TargetConfig,
  { pids, of = 'cpu' }: Extract<NodeAction, { kind: 'limit-corunner' }>,
  id: string,
  limited: (pid: number) => boolean,
): Promise<Planned> {
  const processes: { pid: number; startTicks: number }[] = [];
  const own = new Set(site.config.targets.flatMap((each) => targetPids(site, each)));
  for (const pid of new Set(pids)) {
    const refused = (why: string) => failure('not-allowed' as const, `process ${pid}: ${why}`);
    if (pid === site.ownPid || pid <= 1) return refused('is the agent itself or init');
    if (own.has(pid)) return refused('belongs to a target');
    const stat = readProcessStat(site.system, pid);
    if (stat === undefined) return refused('does not exist');
    const command = readCommandLine(site.system, pid);
    if (!isAllowedCommand(site, command))
      return refused(`"${command.slice(0, 80)}" matches no co_runners.allow`);
    if (of === 'cpu' && limited(pid)) continue;
    const why = isLimitedResource(of)
      ? whyNotSharingResource(site, target, pid, of)
      : whyNotSharing(site, target, pid);
    if (why !== undefined) return refused(`does not share with ${target.name}: ${why}`);
    if (stat.state === 'T') return refused('was stopped by someone else');
    processes.push({ pid, startTicks: stat.startTicks });
  }
  if (processes.length === 0) return success([]);
  if (isLimitedResource(of)) {
    return planLimitResource(
      site,
      target,
      processes.map(({ pid }) => pid),
      id,
      of,
    );
  }
  if (of !== 'cpu') return failure('unsupported', `no driver limits co-runners of ${of}`);

  const group = planGroup(site, processes, id);
  if (group.ok) return group;
  if (!site.config.coRunners.suspend) {
    return failure('unsupported', `${group.message}, and co_runners.suspend is false`);
  }
  return success(processes.map((process): Step => ({ op: 'stop', ...process })));
}

function planGroup(
  site: Site,
  processes: readonly { pid: number; startTicks: number }[],
  id: string,
): Planned {
  const { system } = site;
  const hierarchy = findCpuHierarchy(system);
  if (!hierarchy.ok) return hierarchy;
  const { mount, version } = hierarchy.value;
  if (!system.writable(mount) || !system.writable(`${mount}/cgroup.procs`)) {
    return failure('unsupported', `${mount} is not writable by the agent`);
  }
  const enabled = (system.read(`${mount}/cgroup.subtree_control`) ?? '').trim().split(/\s+/);
  if (version === 2 && !enabled.includes('cpu')) {
    return failure('unsupported', `${mount}/cgroup.subtree_control does not enable cpu`);
  }
  const directory = `${mount}/${GROUP_PREFIX}${shortHash(id)}`;
  const from = processes.map(({ pid }) => readCgroupDirectory(system, hierarchy.value, pid) ?? mount);
  const quotaUs = LIMITED_CORES * PERIOD_US;
  const quota: Step =
    version === 2
      ? {
          op: 'write',
          path: `${directory}/cpu.max`,
          value: `${quotaUs} ${PERIOD_US}`,
          was: `max ${PERIOD_US}`,
          format: 'text',
        }
      : {
          op: 'write',
          path: `${directory}/cpu.cfs_quota_us`,
          value: String(quotaUs),
          was: '-1',
          format: 'text',
        };
  return success([
    { op: 'mkdir', path: directory, evacuateTo: `${from[0]}/cgroup.procs` },
    quota,
    ...processes.map(
      (process, index): Step => ({
        op: 'move',
        ...process,
        to: `${directory}/cgroup.procs`,
        from: `${from[index]}/cgroup.procs`,
      }),
    ),
  ]);
}
