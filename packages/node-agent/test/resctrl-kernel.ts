import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { composeSchemata, countWays, parseSchemata, resourceOf } from '../src/steps/schemata.js';
import type { System } from '../src/system.js';
import type { Node, Tree } from './fixture.js';

export const MOUNT = '/sys/fs/resctrl';

/** What a processor can, as `info` tells it. */
export interface Processor {
  /** Lines of schemata with their full value and domains; `L3CODE` and `L3DATA` with CDP. */
  readonly lines: Readonly<Record<string, { readonly full: bigint; readonly domains: readonly number[] }>>;
  readonly info: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly vendor?: string;
}

const CACHE = { cbm_mask: 'fffff', min_cbm_bits: '2', num_closids: '4', shareable_bits: 'c0000' };
const DOMAINS = [0, 2];

/** Two sockets, and cache ids with a gap. */
export const INTEL: Processor = {
  lines: { L3: { full: 0xfffffn, domains: DOMAINS }, MB: { full: 100n, domains: DOMAINS } },
  info: { L3: CACHE, MB: { min_bandwidth: '10', bandwidth_gran: '10', delay_linear: '1', num_closids: '8' } },
  vendor: 'GenuineIntel',
};

export const CDP: Processor = {
  lines: { L3DATA: { full: 0xfffffn, domains: DOMAINS }, L3CODE: { full: 0xfffffn, domains: DOMAINS } },
  info: { L3CODE: CACHE, L3DATA: CACHE },
};

export const AMD: Processor = {
  lines: { MB: { full: 2048n, domains: [0, 1] }, L3: { full: 0xffffn, domains: [0, 1] } },
  info: {
    L3: { cbm_mask: 'ffff', min_cbm_bits: '1', num_closids: '16', shareable_bits: '0' },
    MB: { min_bandwidth: '1', bandwidth_gran: '1', delay_linear: '0', num_closids: '16' },
  },
  vendor: 'AuthenticAMD',
};

/** A small one: an L2 for each pair of cores. */
export const L2_ONLY: Processor = {
  lines: { L2: { full: 0xffn, domains: [0, 1] } },
  info: { L2: { cbm_mask: 'ff', min_cbm_bits: '1', num_closids: '4', shareable_bits: '0' } },
};

/** What resctrl shows of a processor before anybody has changed anything; `tids` are all of the node. */
export function resctrlTree(processor: Processor, tids: readonly number[]): Tree {
  const files = Object.entries(processor.info).flatMap(([name, info]) =>
    Object.entries(info).map(([file, text]) => [`${MOUNT}/info/${name}/${file}`, `${text}\n`]),
  );
  return {
    ...Object.fromEntries(files),
    [`${MOUNT}/info/last_cmd_status`]: 'ok\n',
    [`${MOUNT}/schemata`]: fresh(processor),
    [`${MOUNT}/tasks`]: tids.map((tid) => `${tid}\n`).join(''),
    ...(processor.vendor === undefined
      ? {}
      : { '/proc/cpuinfo': `processor\t: 0\nvendor_id\t: ${processor.vendor}\n` }),
  };
}

function fresh({ lines }: Processor): string {
  return Object.entries(lines)
    .map(([name, { full, domains }]) => pad(composeSchemata(new Map(domains.map((id) => [id, full])), name)))
    .join('');
}

function pad(line: string): string {
  return `${' '.repeat(Math.max(0, 6 - resourceOf(line).length))}${line}\n`;
}

class KernelError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

/**
 * A node whose resctrl behaves as the kernel's resctrl.rst says: schemata merge and are checked, a thread is in one
 * control group, folders come and go with their files.
 */
export function resctrlSystem(node: Node, processor: Processor, overrides: Partial<System> = {}): System {
  const base = node.system();
  const status = (text: string) => node.put(`${MOUNT}/info/last_cmd_status`, `${text}\n`);
  const refuse = (code: string, text: string): never => {
    status(text);
    throw new KernelError(code, 'resctrl');
  };
  const controlGroups = () =>
    readdirSync(join(node.root, MOUNT)).filter((name) =>
      existsSync(join(node.root, MOUNT, name, 'schemata')),
    );
  const folders = () => [
    MOUNT,
    ...['', ...controlGroups()].flatMap((group) => {
      const folder = group === '' ? MOUNT : `${MOUNT}/${group}`;
      return [
        ...(group === '' ? [] : [folder]),
        ...base.list(`${folder}/mon_groups`).map((m) => `${folder}/mon_groups/${m}`),
      ];
    }),
  ];
  const tasksOf = (folder: string) =>
    (node.get(`${folder}/tasks`) ?? '').split('\n').filter((tid) => tid !== '');
  const setTasks = (folder: string, tids: readonly string[]) =>
    node.put(`${folder}/tasks`, tids.map((tid) => `${tid}\n`).join(''));

  const setSchemata = (path: string, text: string) => {
    const group = new Map(
      Object.keys(processor.lines).map((name) => [name, new Map(parseSchemata(node.get(path) ?? '', name))]),
    );
    for (const line of text.trim().split('\n')) {
      const name = resourceOf(line);
      const values = group.get(name) ?? refuse('EINVAL', `Unknown or unsupported resource name '${name}'`);
      for (const [id, value] of parseSchemata(line, name)) {
        if (!values.has(id)) refuse('EINVAL', `Unknown domain ${id}`);
        check(name, value);
        values.set(id, value);
      }
    }
    node.put(path, [...group].map(([name, values]) => pad(composeSchemata(values, name))).join(''));
    status('ok');
  };
  const check = (name: string, value: bigint) => {
    const info = processor.info[name] as Record<string, string>;
    if (name === 'MB') {
      const { min_bandwidth = '0', bandwidth_gran = '1' } = info;
      const full = processor.lines.MB?.full as bigint;
      if (value < BigInt(min_bandwidth) || value > full) refuse('EINVAL', `MB value ${value} out of range`);
      if (value % BigInt(bandwidth_gran) !== 0n) throw new Error('the kernel would have rounded');
      return;
    }
    if (value === 0n || value > BigInt(`0x${info.cbm_mask}`)) refuse('EINVAL', 'Mask out of range');
    if (!/^1+0*$/.test(value.toString(2)))
      refuse('EINVAL', `The mask ${value.toString(16)} has non-consecutive 1-bits`);
    if (countWays(value) < Number(info.min_cbm_bits))
      refuse('EINVAL', `Need at least ${info.min_cbm_bits} bits in the mask`);
  };

  return {
    ...base,
    write: (path, text) => {
      if (path.startsWith(MOUNT) && path.endsWith('/schemata')) setSchemata(path, text);
      else base.write(path, text);
    },
    append: (path, text) => {
      if (!path.startsWith(MOUNT)) return base.append(path, text);
      const tid = text.trim();
      if (base.list('/proc').every((pid) => !base.exists(`/proc/${pid}/task/${tid}`)))
        refuse('ESRCH', 'No such task');
      const target = path.replace(/\/tasks$/, '');
      const isMonitor = target.includes('/mon_groups/');
      const parent = target.replace(/\/mon_groups\/.*$/, '');
      if (isMonitor && !tasksOf(parent).includes(tid))
        refuse('EINVAL', "Can't move task to different control group");
      for (const folder of folders().filter(
        (each) => !isMonitor || (each !== parent && each.includes('/mon_groups/')),
      )) {
        setTasks(
          folder,
          tasksOf(folder).filter((each) => each !== tid),
        );
      }
      setTasks(target, [...tasksOf(target), tid]);
    },
    makeDirectory: (path) => {
      if (!path.startsWith(MOUNT)) return base.makeDirectory(path);
      if (base.exists(path)) throw new KernelError('EEXIST', path);
      if (!path.includes('/mon_groups/')) {
        const closids = Math.min(...Object.values(processor.info).map((info) => Number(info.num_closids)));
        if (controlGroups().length + 1 >= closids) refuse('ENOSPC', 'Out of CLOSIDs');
        node.put(`${path}/schemata`, fresh(processor));
      }
      setTasks(path, []);
    },
    removeDirectory: (path) => {
      if (!path.startsWith(MOUNT)) return base.removeDirectory(path);
      if (!path.includes('/mon_groups/')) setTasks(MOUNT, [...tasksOf(MOUNT), ...tasksOf(path)].sort());
      rmSync(join(node.root, path), { recursive: true });
    },
    lock: async () => ({ ok: true, value: () => {} }),
    sleep: async () => {},
    ...overrides,
  };
}
