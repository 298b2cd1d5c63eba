import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '@sage/core';
import { type Controller, hierarchyOf, readGroupPids, readHierarchies } from '../src/procfs/cgroup.js';
import { createSystem } from '../src/system.js';

const NAME = `sage-test-${process.pid}`;
const system = createSystem({ sysRoot: '/', fetch });

/**
 * Groups of the real kernel below a folder of the test's own, in the trees of the given controllers, and processes to run
 * in them.
 */
export class RealGroups {
  readonly #made: string[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #controllers: readonly Controller[];

  /** Throws what the kernel says where it cannot be. */
  constructor(controllers: readonly Controller[]) {
    this.#controllers = controllers;
    this.make('');
  }

  /** Of the cpu controller or another: where `path` below the test's folder is. */
  directory(path = '', controller: Controller = this.#controllers[0] as Controller): string {
    const hierarchy = hierarchyOf(readHierarchies(system), controller);
    if (!hierarchy.ok) throw new Error(hierarchy.message);
    return `${hierarchy.value.mount}/${NAME}${path === '' ? '' : `/${path}`}`;
  }

  /** Below the mounts, as a configuration names it. */
  path(path: string): string {
    return `${NAME}/${path}`;
  }

  make(path: string): void {
    const directories = new Set(this.#controllers.map((controller) => this.directory(path, controller)));
    for (const directory of directories) {
      const parent = directory.slice(0, directory.lastIndexOf('/'));
      if (existsSync(`${parent}/cgroup.subtree_control`)) {
        writeFileSync(
          `${parent}/cgroup.subtree_control`,
          this.#controllers.map((each) => `+${each}`).join(' '),
        );
      }
      mkdirSync(directory);
      this.#made.push(directory);
      // A new group of v1 has no processors and no memory nodes.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        if (this.#isV1(directory) && existsSync(`${directory}/${file}`)) {
          writeFileSync(`${directory}/${file}`, readFileSync(`${parent}/${file}`));
        }
      }
    }
  }

  #isV1(directory: string): boolean {
    return !existsSync(`${directory}/cgroup.controllers`);
  }

  set(path: string, file: string, text: string): void {
    writeFileSync(
      `${this.directory(path, file.split('.')[0] === 'blkio' ? 'io' : (file.split('.')[0] as Controller))}/${file}`,
      text,
    );
  }

  has(path: string, controller: Controller, file: string): boolean {
    return existsSync(`${this.directory(path, controller)}/${file}`);
  }

  spawn(path: string, program: string, args: readonly string[]): ChildProcess & { readonly pid: number } {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    for (const directory of new Set(this.#controllers.map((each) => this.directory(path, each)))) {
      writeFileSync(`${directory}/cgroup.procs`, String(child.pid));
    }
    return child as ChildProcess & { readonly pid: number };
  }

  /** Every limit below the test's folder that a process may change, as text: counters and pressures change by themselves. */
  limits(): Readonly<Record<string, string>> {
    const files = this.#made.flatMap((directory) =>
      readdirSync(directory)
        .filter((file) => LIMITS.test(file))
        .map((file) => `${directory}/${file}`),
    );
    return Object.fromEntries(files.map((path) => [path, readFileSync(path, 'utf8')]));
  }

  async kill(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
  }

  /** The kernel may take a moment to let go of a group whose processes have ended. */
  async remove(): Promise<void> {
    await this.kill();
    for (const directory of this.#made.toReversed()) {
      for (let attempt = 0; readGroupPids(system, directory).length > 0 && attempt < 50; attempt++)
        await sleep(20);
      rmdirSync(directory);
    }
  }
}

const LIMITS =
  /^(?:cpu\.(?:max|weight|shares|cfs_\w+)|cpuset\.(?:cpus|mems)|memory\.(?:max|high|limit_in_bytes|memsw\.limit_in_bytes)|io\.max|io\.weight|blkio\.throttle\.\w+_device|cgroup\.procs)$/;

/** A line says what is not tested; where everything has to be, that is a failure. */
export function skip(test: Mocha.Context, why: string): never {
  if (process.env.CI !== undefined) throw new Error(why);
  process.stdout.write(`      skipped: ${why}\n`);
  return test.skip();
}

export function realGroups(test: Mocha.Context, controllers: readonly Controller[]): RealGroups {
  try {
    return new RealGroups(controllers);
  } catch (error) {
    return skip(
      test,
      `needs root and the cgroup controllers ${controllers.join(', ')}: ${errorMessage(error)}`,
    );
  }
}
