import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Where the kernel's control groups are mounted. */
export const CGROUP_ROOT = '/sys/fs/cgroup';

/** All groups of the demo live under this one. */
export const CGROUP_PARENT = 'sage-demo';

const V1_CONTROLLERS = ['cpu', 'cpuacct', 'memory'];

export interface CpuQuota {
  readonly periodUs: number;
  readonly cores: number;
}

/** Control groups of the demo under a mount root (`/sys/fs/cgroup`), version 2 or 1 as it is there. */
export class Cgroups {
  readonly #mounts: readonly string[];
  readonly #unified: boolean;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.#unified = existsSync(join(root, 'cgroup.controllers'));
    this.#mounts = this.#unified
      ? [root]
      : V1_CONTROLLERS.map((controller) => join(root, controller)).filter((mount) => existsSync(mount));
  }

  async create(name: string): Promise<void> {
    if (this.#unified) {
      await writeFile(join(this.#root, 'cgroup.subtree_control'), '+cpu +memory');
      await mkdir(join(this.#root, CGROUP_PARENT), { recursive: true });
      await writeFile(join(this.#root, CGROUP_PARENT, 'cgroup.subtree_control'), '+cpu +memory');
    }
    for (const mount of this.#mounts) await mkdir(join(mount, CGROUP_PARENT, name), { recursive: true });
  }

  async add(name: string, pid: number): Promise<void> {
    for (const mount of this.#mounts) {
      await writeFile(join(mount, CGROUP_PARENT, name, 'cgroup.procs'), `${pid}`);
    }
  }

  /** What a period leaves of the quota may be spent in a later one, where the kernel keeps it (Linux 5.14). */
  async setQuota(name: string, quota: CpuQuota): Promise<void> {
    const quotaUs = Math.round(quota.periodUs * quota.cores);
    if (this.#unified) {
      await writeFile(this.#file('cpu.max', name), `${quotaUs} ${quota.periodUs}`);
    } else {
      await writeFile(this.#file('cpu.cfs_period_us', name), `${quota.periodUs}`);
      await writeFile(this.#file('cpu.cfs_quota_us', name), `${quotaUs}`);
    }
    const burst = this.#file(this.#unified ? 'cpu.max.burst' : 'cpu.cfs_burst_us', name);
    if (existsSync(burst)) await writeFile(burst, `${quotaUs}`);
  }

  /** Processes in any group of the demo. */
  async processes(): Promise<readonly number[]> {
    const pids = new Set<number>();
    for (const directory of await this.#groups()) {
      const text = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const line of text.split('\n')) if (line !== '') pids.add(Number(line));
    }
    return [...pids];
  }

  /** Removes the empty groups, or the one of a name, and their parent; false where processes are left in one. */
  async remove(name?: string): Promise<boolean> {
    const groups = (await this.#groups()).filter((path) => name === undefined || basename(path) === name);
    const parents = this.#mounts
      .map((mount) => join(mount, CGROUP_PARENT))
      .filter((path) => existsSync(path));
    const directories = [...groups, ...parents];
    let removed = true;
    for (const directory of directories) {
      await rmdir(directory).catch(() => {
        removed = false;
      });
    }
    return removed;
  }

  async #groups(): Promise<readonly string[]> {
    const groups: string[] = [];
    for (const mount of this.#mounts) {
      const parent = join(mount, CGROUP_PARENT);
      const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
      for (const entry of entries) if (entry.isDirectory()) groups.push(join(parent, entry.name));
    }
    return groups;
  }

  #file(file: string, name: string): string {
    return join(this.#unified ? this.#root : join(this.#root, 'cpu'), CGROUP_PARENT, name, file);
  }
}
