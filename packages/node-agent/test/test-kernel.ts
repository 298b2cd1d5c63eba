import { posix } from 'node:path';
import { type Outcome, success } from '@sage/core';
import { parseSchemata } from '../src/steps/schemata.js';
import type { System } from '../src/system.js';
import { code, type Effects } from './faults.js';
import type { Tree } from './fixture.js';

const CPU = '/sys/fs/cgroup/cpu';
const RESCTRL = '/sys/fs/resctrl';
const POLICIES = '/sys/devices/system/cpu/cpufreq/';
const NEW_CPU_GROUP: Tree = {
  'cpu.cfs_quota_us': '-1\n',
  'cpu.cfs_period_us': '100000\n',
  'cpu.shares': '1024\n',
  'cpu.stat': 'nr_periods 0\nnr_throttled 0\nthrottled_time 0\n',
};

/** Path → content: a map, or a folder of the disk. */
export type Files = Pick<Map<string, string>, 'get' | 'set' | 'has' | 'delete' | 'keys'>;

/**
 * Files with the manners of the kernel's: groups are born with their files, a process is in one group of a hierarchy,
 * wrong values are refused. What an agent must never even try is in `violations`.
 */
export class TestKernel implements System {
  readonly violations: string[] = [];
  /** By their addresses. */
  readonly pools = new Map([
    ['http://pools/a/db', 2],
    ['http://pools/a/cache', 4],
    ['http://pools/b/db', 8],
  ]);
  readonly #files: Files;

  constructor(
    files: Files,
    private readonly faults: Effects,
  ) {
    this.#files = files;
  }

  /** All that a change could have touched, for comparing. */
  snapshot(): Readonly<Record<string, string>> {
    const paths = [...this.#files.keys()].filter(
      (path) => path.startsWith('/sys/') || path.endsWith('/cgroup'),
    );
    const text = (path: string, value: string) =>
      /\/(cgroup\.procs|tasks)$/.test(path)
        ? value
            .split('\n')
            .filter((line) => line !== '')
            .sort()
            .join(' ')
        : value.trim();
    const entries = paths.map((path) => [path, text(path, this.#files.get(path) ?? '')] as const);
    const pools = [...this.pools].map(([pool, size]) => [pool, String(size)] as const);
    return Object.fromEntries([...entries, ...pools].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  read(path: string): string | undefined {
    return this.#files.get(path);
  }

  list(path: string): readonly string[] {
    const below = [...this.#files.keys()].filter((each) => each.startsWith(`${path}/`));
    return [...new Set(below.map((each) => each.slice(path.length + 1).split('/')[0] as string))];
  }

  directories(path: string): readonly string[] {
    return this.list(path).filter((name) => !this.#files.has(`${path}/${name}`));
  }

  link(): undefined {
    return undefined;
  }

  exists(path: string): boolean {
    return this.#files.has(path) || this.list(path).length > 0;
  }

  writable(path: string): boolean {
    return this.exists(path);
  }

  write(path: string, text: string): void {
    this.faults.around(() => {
      if (!this.#files.has(path)) throw code('ENOENT');
      const wrong = this.#whyWrong(path, text);
      if (wrong !== undefined) {
        this.violations.push(`${path} = ${text}: ${wrong}`);
        throw code('EINVAL');
      }
      // In schemata an entry that is not written stays.
      if (path.endsWith('/schemata')) this.#files.set(path, this.#mergeSchemata(path, text));
      else this.#files.set(path, `${text}\n`);
    });
  }

  append(path: string, text: string): void {
    this.faults.around(() => {
      if (!this.#files.has(path)) throw code('ENOENT');
      const id = text.trim();
      const root = path.startsWith(RESCTRL) ? RESCTRL : CPU;
      const file = posix.basename(path);
      for (const other of [...this.#files.keys()]) {
        if (!other.startsWith(`${root}/`) || posix.basename(other) !== file) continue;
        const rest = (this.#files.get(other) ?? '').split('\n').filter((line) => line !== id && line !== '');
        this.#files.set(other, [...rest, ...(other === path ? [id] : []), ''].join('\n'));
      }
      if (root === CPU)
        this.#files.set(`/proc/${id}/cgroup`, `1:cpu:${posix.dirname(path).slice(CPU.length)}\n0::/\n`);
    });
  }

  makeDirectory(path: string): void {
    this.faults.around(() => {
      if (this.exists(path)) throw code('EEXIST');
      if (!/\/sage-[^/]+$/.test(path)) this.violations.push(`mkdir ${path} without our prefix`);
      const files: Tree = path.startsWith(RESCTRL)
        ? { schemata: this.#files.get(`${RESCTRL}/schemata`) ?? '', tasks: '', cpus: '0\n' }
        : { ...NEW_CPU_GROUP, 'cgroup.procs': '' };
      for (const [name, text] of Object.entries(files)) this.#files.set(`${path}/${name}`, text);
    });
  }

  removeDirectory(path: string): void {
    this.faults.around(() => {
      if (!this.exists(path)) throw code('ENOENT');
      if (!/\/sage-[^/]+$/.test(path)) this.violations.push(`rmdir ${path} without our prefix`);
      if ((this.#files.get(`${path}/cgroup.procs`) ?? '').trim() !== '') throw code('EBUSY');
      const tasks = this.#files.get(`${path}/tasks`);
      if (tasks !== undefined) {
        const root = `${RESCTRL}/tasks`;
        this.#files.set(root, `${this.#files.get(root) ?? ''}${tasks}`);
      }
      for (const each of [...this.#files.keys()]) if (each.startsWith(`${path}/`)) this.#files.delete(each);
    });
  }

  async run(): Promise<Outcome<string>> {
    return success('[]');
  }

  async lock(): Promise<Outcome<() => void, never>> {
    return success(() => {});
  }

  async sleep(): Promise<void> {}

  readonly fetch: typeof fetch = async (input, init) => {
    const url = String(input);
    if (init?.method === 'PUT') {
      const { size } = JSON.parse(String(init.body)) as { size: number };
      this.faults.around(() => {
        const isOthers = size > 7000;
        if (!isOthers && (size < 1 || size > 16)) this.violations.push(`${url} = ${size}`);
        this.pools.set(url, size);
      });
      return new Response('{}');
    }
    const entries = [...this.pools].filter(([address]) => address.startsWith(`${url}/`));
    const list = entries.map(([address, size]) => ({ pool: address.split('/').at(-1), size, pending: 0 }));
    return new Response(JSON.stringify(list));
  };

  signal(): void {
    throw code('EPERM');
  }

  #whyWrong(path: string, text: string): string | undefined {
    if (path.startsWith(POLICIES)) return this.#whyWrongFrequency(path, Number(text));
    if (path.endsWith('/cpu.cfs_quota_us')) {
      const quota = Number(text);
      return quota === -1 || quota >= 5000 ? undefined : 'below the floor of 0.05 cores';
    }
    if (path.endsWith('/cpu.shares')) {
      return Number(text) >= 10 && Number(text) <= 10_240 ? undefined : 'not a weight of 1 to 1000';
    }
    if (path.endsWith('/schemata')) return this.#whyWrongMasks(path, text);
    return 'not a file that a change writes';
  }

  #whyWrongFrequency(path: string, khz: number): string | undefined {
    const value = (name: string) => Number(this.#files.get(`${posix.dirname(path)}/${name}`));
    const [min, max] = path.endsWith('/scaling_min_freq')
      ? [khz, value('scaling_max_freq')]
      : [value('scaling_min_freq'), khz];
    if (min > max) return 'the minimum is above the maximum';
    return khz >= value('cpuinfo_min_freq') && khz <= value('cpuinfo_max_freq') ? undefined : 'out of range';
  }

  #whyWrongMasks(path: string, text: string): string | undefined {
    if (posix.dirname(path) === RESCTRL) return 'the default group is not ours';
    for (const mask of parseSchemata(text, 'L3').values()) {
      const bits = mask.toString(2);
      if (mask === 0n) return 'no way at all';
      if (!/^1+0*$/.test(bits)) return 'a mask with holes';
      if (mask > 0xfffffn || bits.replaceAll('0', '').length < 2) return 'too wide or too narrow';
    }
    return parseSchemata(text, 'L3').size > 0 ? undefined : 'no mask';
  }

  #mergeSchemata(path: string, text: string): string {
    const masks = new Map([
      ...parseSchemata(this.#files.get(path) ?? '', 'L3'),
      ...parseSchemata(text, 'L3'),
    ]);
    return `    L3:${[...masks].map(([id, mask]) => `${id}=${mask.toString(16)}`).join(';')}\n`;
  }
}
