import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ManualClock, type NodeAction, type Outcome, silentLogger } from '@sage/core';
import { type AgentConfig, loadAgentConfig } from '../src/config.js';
import type { Site } from '../src/drivers/site.js';
import { Journal } from '../src/journal.js';
import { Keeper } from '../src/keeper.js';
import { createSystem, type System } from '../src/system.js';
import { ControlGroups } from '../src/targets/control-groups.js';

export function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.reason}: ${outcome.message}`);
  return outcome.value;
}

/** A copied tree: path → content. */
export type Tree = Readonly<Record<string, string>>;

export class Node {
  readonly root = mkdtempSync(join(tmpdir(), 'sage-node-'));
  readonly clock = new ManualClock(1_700_000_000_000);

  constructor(tree: Tree) {
    for (const [path, text] of Object.entries(tree)) this.put(path, text);
  }

  put(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  get(path: string): string | undefined {
    return existsSync(join(this.root, path)) ? readFileSync(join(this.root, path), 'utf8') : undefined;
  }

  delete(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  get journalPath(): string {
    return join(this.root, 'journal.jsonl');
  }

  /** A directory of the kernel's is born with its files and removed with them. */
  system(overrides: Partial<System> = {}): System {
    const base = createSystem({ sysRoot: this.root, fetch });
    return {
      ...base,
      makeDirectory: (path) => {
        base.makeDirectory(path);
        if (path.includes('/resctrl/')) {
          this.put(`${path}/schemata`, this.get('/sys/fs/resctrl/schemata') ?? '');
          this.put(`${path}/tasks`, '');
        } else {
          this.put(`${path}/cpu.cfs_quota_us`, '-1\n');
          this.put(`${path}/cgroup.procs`, '');
        }
      },
      removeDirectory: (path) => rmSync(join(this.root, path), { recursive: true }),
      append: (path, text) => appendFileSync(join(this.root, path), text),
      ...overrides,
    };
  }

  config(yaml = '', dryRun = false): AgentConfig {
    const targets = yaml === '' ? 'targets: [{ name: rate, pids: [100], cgroup: demo/rate }]' : yaml;
    return unwrap(
      loadAgentConfig(
        `node: n1\njournal: ${this.journalPath}\ndry_run: ${dryRun}\nlisten: 127.0.0.1:0\n${targets}`,
      ),
    );
  }

  site(config = this.config(), system = this.system(), monotonicMs = () => this.clock.now()): Site {
    return { system, config, groups: new ControlGroups(system, monotonicMs), ownPid: 1 };
  }

  keeper(site = this.site()): Keeper {
    const { journal } = unwrap(Journal.open(this.journalPath));
    return new Keeper(site, journal, { clock: this.clock, logger: silentLogger });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export const CGROUP_V1: Tree = {
  '/proc/self/mountinfo': '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n',
  '/sys/fs/cgroup/cpu/cgroup.procs': '',
  '/sys/fs/cgroup/cpu/demo/rate/cpu.cfs_quota_us': '20000\n',
  '/sys/fs/cgroup/cpu/demo/rate/cpu.cfs_period_us': '100000\n',
  '/sys/fs/cgroup/cpu/demo/rate/cgroup.procs': '100\n',
};

export function processFiles(pid: number, cpus: string, command = 'node', cgroup = '/demo/rate'): Tree {
  return {
    [`/proc/${pid}/stat`]: `${pid} (${command}) S 1 1 1 0 -1 4194304 99 0 3 0 150 50 0 0 20 0 11 0 4242 3133440 393 0\n`,
    [`/proc/${pid}/status`]: `Name:\tx\nVmRSS:\t   51200 kB\nCpus_allowed_list:\t${cpus}\n`,
    [`/proc/${pid}/cmdline`]: `${command}\0--flag\0`,
    [`/proc/${pid}/cgroup`]: `1:cpu:${cgroup}\n0::/\n`,
    [`/proc/${pid}/task/${pid}/schedstat`]: '1000000 2000000 5\n',
  };
}

export const quota = (cores: number, target = 'rate'): NodeAction => ({ kind: 'cpu-quota', target, cores });

export function request(id: string, action: NodeAction, leaseSeconds?: number) {
  return { id, action, leaseSeconds };
}
