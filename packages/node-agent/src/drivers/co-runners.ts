import { type CoRunner, failure, type SharedResource, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { readCgroupDirectory } from '../procfs/cgroup.js';
import { overlaps } from '../procfs/cpu-list.js';
import { readCommandLine, readProcessStat, readProcessStatus } from '../procfs/process.js';
import type { Step } from '../steps/step.js';
import { readDisks, readProcessDisks } from '../targets/disks.js';
import { targetCpus, targetPids } from '../targets/find-target.js';
import { isAllowedCommand } from './allow-list.js';
import { limitCpu, limitDisk } from './co-runner-limits.js';
import { planLimitOutsideGroups, sharingOutsideGroups } from './limit-shared.js';
import { type ProcessInstance, planLimitedGroups } from './limited-group.js';
import type { Planned, Site, WhyNotSharing } from './site.js';

const LEAST_NOTICEABLE_CORES = 0.005;
const LEAST_NOTICEABLE_BYTES_PER_SECOND = 65_536;
/** Of which this driver limits what neighbours take. */
const LIMITABLE = ['cpu', 'disk'] as const satisfies readonly SharedResource[];

/** Under which name a co-runner's use of it stands. */
const USE_OF = {
  disk: 'diskBytesPerSecond',
  llc: 'llcBytes',
  'memory-bandwidth': 'memoryBytesPerSecond',
  network: 'networkBytesPerSecond',
} as const satisfies Record<Exclude<SharedResource, 'cpu'>, keyof CoRunner>;

/** Processes of any target, which are nobody's co-runners. */
export function allTargetPids(site: Site): ReadonlySet<number> {
  return new Set(site.config.targets.flatMap((each) => targetPids(site, each)));
}

/** The target's cgroup or processors. */
export function cpuSharing(site: Site, target: TargetConfig): WhyNotSharing {
  const hierarchy = site.groups.hierarchy('cpu');
  const first = targetPids(site, target)[0];
  const groupOf = (pid: number) =>
    hierarchy.ok ? readCgroupDirectory(site.system, hierarchy.value, pid) : undefined;
  const mine = first === undefined ? undefined : groupOf(first);
  // Everything may be in the root group: being there shares no quota.
  const shared = hierarchy.ok && mine !== hierarchy.value.mount ? mine : undefined;
  const targets = targetCpus(site, target);
  return (pid) => {
    if (shared !== undefined && groupOf(pid) === shared) return undefined;
    const cpus = readProcessStatus(site.system, pid)?.allowedCpus ?? [];
    if (overlaps(cpus, targets)) return undefined;
    return `it runs on cpu ${cpus.join(',') || '(none)'}, the target on cpu ${targets.join(',') || '(none)'}`;
  };
}

/** The disks that hold the target's data. */
export function diskSharing(site: Site, target: TargetConfig): WhyNotSharing {
  const targets = readDisks(site.system, targetPids(site, target));
  return (pid) => {
    const disks = readProcessDisks(site.system, pid);
    if ([...disks].some((disk) => targets.has(disk))) return undefined;
    const list = (names: ReadonlySet<string>) => [...names].join(',') || '(none)';
    return `it is on disk ${list(disks)}, the target on disk ${list(targets)}`;
  };
}

function sharing(site: Site, target: TargetConfig, of: SharedResource): WhyNotSharing {
  if (of === 'cpu') return cpuSharing(site, target);
  return of === 'disk' ? diskSharing(site, target) : sharingOutsideGroups(site, target, of);
}

/** Resources of which control groups, or stopping them, can limit co-runners on this node. */
export function limitableInGroups(site: Site): readonly SharedResource[] {
  const { suspend } = site.config.coRunners;
  return LIMITABLE.filter((of) => suspend || site.groups.hierarchy(of === 'disk' ? 'io' : of).ok);
}

/**
 * Of the processes that the allow-list names, those that share something with the target and use it now. Of what they do
 * not share they take nothing.
 */
export function findCoRunners(
  site: Site,
  target: TargetConfig,
  usage: ReadonlyMap<number, Omit<CoRunner, 'pid'>>,
  targets: ReadonlySet<number>,
): readonly CoRunner[] {
  if (usage.size === 0) return [];
  const whyNotCpu = cpuSharing(site, target);
  const whyNot = (['disk', 'llc', 'memory-bandwidth', 'network'] as const).map(
    (of) => [of, sharing(site, target, of)] as const,
  );
  return [...usage]
    .filter(([pid]) => pid !== site.ownPid && !targets.has(pid))
    .map(([pid, use]): CoRunner => {
      const shared = whyNot.flatMap(([of, why]) => {
        const value = use[USE_OF[of]];
        return value !== undefined && why(pid) === undefined ? [[USE_OF[of], value]] : [];
      });
      return {
        pid,
        command: use.command.slice(0, 200),
        cpuCores: whyNotCpu(pid) === undefined ? use.cpuCores : 0,
        ...Object.fromEntries(shared),
      };
    })
    .filter(
      ({ cpuCores, diskBytesPerSecond = 0, networkBytesPerSecond = 0 }) =>
        cpuCores > LEAST_NOTICEABLE_CORES ||
        Math.max(diskBytesPerSecond, networkBytesPerSecond) > LEAST_NOTICEABLE_BYTES_PER_SECOND,
    )
    .sort((a, b) => b.cpuCores - a.cpuCores || (b.diskBytesPerSecond ?? 0) - (a.diskBytesPerSecond ?? 0));
}

export interface CoRunnerRequest {
  readonly pids: readonly number[];
  readonly of: SharedResource;
  /** Names the group that is made for them. */
  readonly id: string;
  /** Processes of which this is limited already. */
  readonly limited: (pid: number) => boolean;
}

/** Where no controller can limit them, and the configuration allows it, they are stopped. */
export async function planLimitCoRunners(
  site: Site,
  target: TargetConfig,
  request: CoRunnerRequest,
): Promise<Planned> {
  const { of, id } = request;
  const vetted = vetCoRunners(site, target, request, sharing(site, target, of));
  if (!vetted.ok) return vetted;
  if (vetted.value.length === 0) return success([]);
  if (of !== 'cpu' && of !== 'disk') {
    const pids = vetted.value.map(({ pid }) => pid);
    return planLimitOutsideGroups(site, target, pids, id, of);
  }

  const planned =
    of === 'cpu'
      ? planLimitedGroups(site, 'cpu', vetted.value, id, limitCpu(site.system))
      : planLimitedGroups(
          site,
          'io',
          vetted.value,
          id,
          limitDisk(site.system, readDisks(site.system, targetPids(site, target))),
        );
  if (planned.ok) return planned;
  if (!site.config.coRunners.suspend) {
    return failure('unsupported', `${planned.message}, and co_runners.suspend is false`);
  }
  return success(vetted.value.map((process): Step => ({ op: 'stop', ...process })));
}

/** Those of the request that are to be limited now; one that may not be refuses all. */
function vetCoRunners(
  site: Site,
  target: TargetConfig,
  { pids, limited }: CoRunnerRequest,
  whyNot: WhyNotSharing,
) {
  const processes: ProcessInstance[] = [];
  const own = allTargetPids(site);
  for (const pid of new Set(pids)) {
    const refused = (why: string) => failure('not-allowed' as const, `process ${pid}: ${why}`);
    if (pid === site.ownPid || pid <= 1) return refused('is the agent itself or init');
    if (own.has(pid)) return refused('belongs to a target');
    const stat = readProcessStat(site.system, pid);
    if (stat === undefined) return refused('does not exist');
    const command = readCommandLine(site.system, pid);
    if (!isAllowedCommand(site, command))
      return refused(`"${command.slice(0, 80)}" matches no co_runners.allow`);
    if (limited(pid)) continue;
    const why = whyNot(pid);
    if (why !== undefined) return refused(`does not share with ${target.name}: ${why}`);
    if (stat.state === 'T') return refused('was stopped by someone else');
    processes.push({ pid, startTicks: stat.startTicks });
  }
  return success(processes);
}
