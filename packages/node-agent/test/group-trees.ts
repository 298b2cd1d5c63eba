import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { NodeAction } from '@sage/core';
import { expect } from 'chai';
import { type Node, request, type Tree } from './fixture.js';

export const ID = '4f1c2d9ab03e'.padEnd(64, '7');
export const OTHER_ID = '99aa88bb77cc'.padEnd(64, '1');
export const PAUSE_ID = '0123456789ab'.padEnd(64, 'e');
export const POD = '7d0c6a2e-1111-4222-8333-444455556666';
export const POD_SLICE = `kubepods-burstable-pod${POD.replaceAll('-', '_')}.slice`;

export const V2_MOUNT: Tree = {
  '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n',
  '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
  '/sys/fs/cgroup/cgroup.subtree_control': 'cpuset cpu io memory\n',
  '/sys/fs/cgroup/cgroup.procs': '',
  '/sys/fs/cgroup/cpuset.cpus.effective': '0-7\n',
  '/proc/meminfo': 'MemTotal:       16777216 kB\nMemFree:         1000000 kB\n',
};

const V1_CONTROLLERS = ['cpu,cpuacct', 'cpuset', 'memory', 'blkio', 'name=systemd'];

export const V1_MOUNTS: Tree = {
  '/proc/self/mountinfo': V1_CONTROLLERS.map(
    (names, index) =>
      `${32 + index} 31 0:${29 + index} / /sys/fs/cgroup/${names.replace('name=', '')} rw - cgroup cgroup rw,${names}\n`,
  ).join(''),
  '/proc/meminfo': 'MemTotal:       16777216 kB\n',
  ...Object.fromEntries(
    V1_CONTROLLERS.map((names) => [`/sys/fs/cgroup/${names.replace('name=', '')}/cgroup.procs`, '']),
  ),
};

/** A group of v2 as the kernel makes it, with all four controllers. */
export function v2Group(path: string, pids: readonly number[], files: Tree = {}): Tree {
  return below(`/sys/fs/cgroup/${path}`, {
    'cgroup.procs': pids.map((pid) => `${pid}\n`).join(''),
    'cgroup.subtree_control': '\n',
    'cpu.max': 'max 100000\n',
    'cpu.max.burst': '0\n',
    'cpu.weight': '100\n',
    'cpuset.cpus': '\n',
    'cpuset.cpus.effective': '0-7\n',
    'cpuset.cpus.partition': 'member\n',
    'io.weight': 'default 100\n',
    'io.max': '\n',
    'memory.current': '104857600\n',
    'memory.stat': 'anon 52428800\ninactive_file 52428800\nactive_file 0\n',
    'memory.high': 'max\n',
    'memory.max': 'max\n',
    ...files,
  });
}

/** The same in the trees of v1. */
export function v1Group(path: string, pids: readonly number[], files: Tree = {}): Tree {
  const procs = { 'cgroup.procs': pids.map((pid) => `${pid}\n`).join('') };
  const kernels: Record<string, Tree> = {
    'cpu,cpuacct': {
      'cpu.cfs_quota_us': '-1\n',
      'cpu.cfs_period_us': '100000\n',
      'cpu.cfs_burst_us': '0\n',
      'cpu.shares': '1024\n',
    },
    cpuset: {
      'cpuset.cpus': '0-7\n',
      'cpuset.effective_cpus': '0-7\n',
      'cpuset.mems': '0\n',
      'cpuset.effective_mems': '0\n',
    },
    memory: {
      'memory.limit_in_bytes': '9223372036854771712\n',
      'memory.usage_in_bytes': '104857600\n',
      'memory.stat': 'inactive_file 0\ntotal_inactive_file 52428800\n',
    },
    blkio: { 'blkio.throttle.read_bps_device': '', 'blkio.throttle.write_bps_device': '' },
    systemd: {},
  };
  const trees = Object.entries(kernels).map(([controller, born]) => {
    const prefix = `${controller.split(',')[0]}.`;
    const own = Object.entries(files).filter(([file]) => file.startsWith(prefix));
    return below(`/sys/fs/cgroup/${controller}/${path}`, { ...procs, ...born, ...Object.fromEntries(own) });
  });
  return Object.assign({}, ...trees);
}

function below(folder: string, files: Tree): Tree {
  return Object.fromEntries(Object.entries(files).map(([file, text]) => [`${folder}/${file}`, text]));
}

/** What most tests have: the target `rate` in a group below another, or in the container of a pod. */
export const MIB = 1024 ** 2;
export const RATE = 'demo/rate';
export const LIMITS =
  'max_cpu_cores: 4, max_cpu_weight: 5000, max_disk_weight: 5000, min_memory_bytes: 33554432, max_memory_bytes: 4294967296';
export const config = `targets: [{ name: rate, cgroup: ${RATE}, ${LIMITS} }]`;
export const inPod = `targets: [{ name: rate, container_id: ${ID}, ${LIMITS} }]`;
export const POD_V2 = `kubepods.slice/kubepods-burstable.slice/${POD_SLICE}`;
export const CONTAINER_V2 = `${POD_V2}/cri-containerd-${ID}.scope`;
export const POD_V1 = `kubepods/burstable/pod${POD}`;
export const CONTAINER_V1 = `${POD_V1}/${ID}`;

export const v2 = (files: Tree = {}): Tree => ({
  ...V2_MOUNT,
  ...v2Group('demo', []),
  ...v2Group(RATE, [100], files),
});
export const v1 = (files: Tree = {}): Tree => ({
  ...V1_MOUNTS,
  ...v1Group('demo', []),
  ...v1Group(RATE, [100], files),
});
/** Where a file of a group is, in v2 and in v1. */
export const at = (file: string, path = RATE) => `/sys/fs/cgroup/${path}/${file}`;
export const atV1 = (file: string, path = RATE) => {
  const controller = file.split('.')[0] as string;
  return `/sys/fs/cgroup/${controller === 'cpu' ? 'cpu,cpuacct' : controller}/${path}/${file}`;
};

/** A disk `8:0` with one partition `8:1`, as /sys has it: links and all. */
export function putDisk(node: Node, scheduler: string): void {
  const disk = '/sys/devices/pci0000:00/block/sda';
  node.put(`${disk}/dev`, '8:0\n');
  node.put(`${disk}/queue/scheduler`, `${scheduler}\n`);
  node.put(`${disk}/sda1/dev`, '8:1\n');
  node.put(`${disk}/sda1/partition`, '1\n');
  putLink(node, '/sys/dev/block/8:0', '../../devices/pci0000:00/block/sda');
  putLink(node, '/sys/dev/block/8:1', '../../devices/pci0000:00/block/sda/sda1');
}

export function putLink(node: Node, path: string, to: string): void {
  mkdirSync(dirname(join(node.root, path)), { recursive: true });
  symlinkSync(to, join(node.root, path));
}

/** Every file of the node's kernel, without the new lines at the ends that a kernel would write anew. */
export function snapshot(node: Node): Readonly<Record<string, string>> {
  const files = readdirSync(node.root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => path !== node.journalPath)
      .map((path) => [`/${relative(node.root, path)}`, readFileSync(path, 'utf8').trim()]),
  );
}

/** The action writes exactly this, in this order, asking again writes nothing, and its release leaves every file as it was. */
export async function expectWrites(
  node: Node,
  config: string,
  action: NodeAction,
  writes: readonly (readonly [path: string, value: string, was: string])[],
): Promise<void> {
  const before = snapshot(node);
  const keeper = node.keeper(node.site(node.config(config)));
  const { outcome } = await keeper.submit(request('k', action));
  expect(outcome.status, outcome.message).to.equal('applied');
  expect(outcome.writes).to.deep.equal(
    writes.map(
      ([path, value, was]) => `write ${JSON.stringify(value)} to ${path} (was ${JSON.stringify(was)})`,
    ),
  );
  const written = Object.fromEntries(writes.map(([path, value]) => [path, value.trim()]));
  expect(snapshot(node)).to.deep.equal({ ...before, ...written });
  expect((await keeper.submit(request('again', action))).outcome.writes).to.deep.equal([]);
  expect((await keeper.release('again'))?.outcome.status).to.equal('released');
  expect(snapshot(node)).to.deep.equal(before);
}

export async function expectRefusal(
  node: Node,
  config: string,
  action: NodeAction,
  [reason, text]: readonly [string, string],
): Promise<void> {
  const before = snapshot(node);
  const answer = await node.keeper(node.site(node.config(config))).submit(request('k', action));
  expect([answer.reason, answer.outcome.message]).to.satisfy(
    ([given, message]: [string, string]) => given === reason && message.includes(text),
    `${answer.reason}: ${answer.outcome.message}`,
  );
  expect(answer.outcome.writes).to.deep.equal([]);
  expect(snapshot(node)).to.deep.equal(before);
}
