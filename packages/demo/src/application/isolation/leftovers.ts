import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CGROUP_ROOT, Cgroups } from './cgroups.js';

const OWNER = 'SAGE_DEMO_OWNER';

/** Environment of all processes of a run: whose they are, so that they can be told when nobody owns them any more. */
export async function ownedEnvironment(env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  return { ...env, [OWNER]: `${process.pid}:${(await startTime('/proc', process.pid)) ?? 0}` };
}

export interface SweepOptions {
  readonly procRoot?: string;
  readonly cgroupRoot?: string;
  readonly kill?: (pid: number) => void;
}

/** What was found and removed. */
export interface Swept {
  readonly processes: readonly number[];
}

/**
 * Ends processes of demos whose own process is gone (killed, crashed) and removes the demo's empty control groups.
 * Runs that are alive are left alone. Network namespaces and veths end with their processes.
 */
export async function sweepLeftovers(options: SweepOptions = {}): Promise<Swept> {
  const procRoot = options.procRoot ?? '/proc';
  const kill = options.kill ?? ((pid: number) => process.kill(pid, 'SIGKILL'));
  const processes = await findOrphans(procRoot);
  for (const pid of processes) {
    try {
      kill(pid);
    } catch {
      // It ended by itself meanwhile, or is somebody else's.
    }
  }
  const cgroups = new Cgroups(options.cgroupRoot ?? CGROUP_ROOT);
  for (let attempt = 0; attempt < 10; attempt++) {
    if ((await cgroups.remove()) || processes.length === 0) break;
    await sleep(50);
  }
  return { processes };
}

async function findOrphans(procRoot: string): Promise<readonly number[]> {
  const orphans: number[] = [];
  const entries = await readdir(procRoot).catch(() => []);
  for (const entry of entries) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = await readFile(join(procRoot, entry, 'environ'), 'utf8').catch(() => '');
    const owner = environment.split('\0').find((line) => line.startsWith(`${OWNER}=`));
    if (owner === undefined) continue;
    const [pid = '', started] = owner.slice(OWNER.length + 1).split(':');
    if ((await startTime(procRoot, Number(pid))) !== started) orphans.push(Number(entry));
  }
  return orphans;
}

/** Field 22 of `/proc/<pid>/stat`, in ticks since boot: with the pid it names a process for good. */
async function startTime(procRoot: string, pid: number): Promise<string | undefined> {
  const stat = await readFile(join(procRoot, `${pid}`, 'stat'), 'utf8').catch(() => undefined);
  // "42 (a name) S 1 42 …": the name may hold blanks, so fields count from the last parenthesis.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
