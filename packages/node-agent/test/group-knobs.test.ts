import type { NodeAction } from '@sage/core';
import { expect } from 'chai';
import { Sampler } from '../src/sampling/sampler.js';
import { readTargetState } from '../src/target-state.js';
import { Node, processFiles, request, type Tree } from './fixture.js';
import {
  expectRefusal,
  expectWrites,
  ID,
  POD,
  POD_SLICE,
  putDisk,
  putLink,
  snapshot,
  V1_MOUNTS,
  V2_MOUNT,
  v1Group,
  v2Group,
} from './group-trees.js';

const MIB = 1024 ** 2;
const RATE = 'demo/rate';
const LIMITS =
  'max_cpu_cores: 4, max_cpu_weight: 5000, max_disk_weight: 5000, min_memory_bytes: 33554432, max_memory_bytes: 4294967296';
const config = `targets: [{ name: rate, cgroup: ${RATE}, ${LIMITS} }]`;
const inPod = `targets: [{ name: rate, container_id: ${ID}, ${LIMITS} }]`;
const POD_V2 = `kubepods.slice/kubepods-burstable.slice/${POD_SLICE}`;
const CONTAINER_V2 = `${POD_V2}/cri-containerd-${ID}.scope`;
const POD_V1 = `kubepods/burstable/pod${POD}`;
const CONTAINER_V1 = `${POD_V1}/${ID}`;

const v2 = (files: Tree = {}): Tree => ({
  ...V2_MOUNT,
  ...v2Group('demo', []),
  ...v2Group(RATE, [100], files),
});
const v1 = (files: Tree = {}): Tree => ({
  ...V1_MOUNTS,
  ...v1Group('demo', []),
  ...v1Group(RATE, [100], files),
});
const at = (file: string, path = RATE) => `/sys/fs/cgroup/${path}/${file}`;
const atV1 = (file: string, path = RATE) => {
  const controller = file.split('.')[0] as string;
  return `/sys/fs/cgroup/${controller === 'cpu' ? 'cpu,cpuacct' : controller}/${path}/${file}`;
};

const quota = (cores: number): NodeAction => ({ kind: 'cpu-quota', target: 'rate', cores });
const weight = (value: number): NodeAction => ({ kind: 'cpu-weight', target: 'rate', weight: value });
const cpus = (...list: number[]): NodeAction => ({ kind: 'cpu-set', target: 'rate', cpus: list });
const memory = (mebibytes: number): NodeAction => ({
  kind: 'memory-limit',
  target: 'rate',
  bytes: mebibytes * MIB,
});
const diskWeight = (value: number): NodeAction => ({ kind: 'disk-weight', target: 'rate', weight: value });

const mib = (count: number) => String(count * MIB);

describe('knobs of control groups', () => {
  let node: Node;
  afterEach(() => node.remove());
  const disk = (scheduler = '[none]') => {
    putDisk(node, scheduler);
    node.put('/proc/100/mountinfo', '27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n');
  };

  for (const [what, tree, text, action, writes] of [
    [
      'quota, v2, whatever the period',
      v2({ 'cpu.max': '10000 20000\n' }),
      config,
      quota(1.5),
      [[at('cpu.max'), '30000 20000', '10000 20000']],
    ],
    [
      'quota, v1, of a group without one',
      v1(),
      config,
      quota(0.5),
      [[atV1('cpu.cfs_quota_us'), '50000', '-1']],
    ],
    [
      'quota of a container and of its pod, v2',
      {
        ...V2_MOUNT,
        ...v2Group(POD_V2, [], { 'cpu.max': '80000 100000\n' }),
        ...v2Group(CONTAINER_V2, [100], { 'cpu.max': '50000 100000\n' }),
      },
      inPod,
      quota(1),
      [
        [at('cpu.max', POD_V2), '130000 100000', '80000 100000'],
        [at('cpu.max', CONTAINER_V2), '100000 100000', '50000 100000'],
      ],
    ],
    [
      'quota of a container and of its pod, v1, the pod first',
      {
        ...V1_MOUNTS,
        ...v1Group(POD_V1, [], { 'cpu.cfs_quota_us': '50000\n' }),
        ...v1Group(CONTAINER_V1, [100], { 'cpu.cfs_quota_us': '50000\n' }),
      },
      inPod,
      quota(2),
      [
        [atV1('cpu.cfs_quota_us', POD_V1), '200000', '50000'],
        [atV1('cpu.cfs_quota_us', CONTAINER_V1), '200000', '50000'],
      ],
    ],
    [
      'a lower quota of a container alone',
      {
        ...V2_MOUNT,
        ...v2Group(POD_V2, [], { 'cpu.max': '80000 100000\n' }),
        ...v2Group(CONTAINER_V2, [100], { 'cpu.max': '50000 100000\n' }),
      },
      inPod,
      quota(0.25),
      [[at('cpu.max', CONTAINER_V2), '25000 100000', '50000 100000']],
    ],
    ['cpu weight, v2', v2(), config, weight(300), [[at('cpu.weight'), '300', '100']]],
    ['cpu weight, v1', v1(), config, weight(300), [[atV1('cpu.shares'), '3072', '1024']]],
    ['the least cpu weight, v1', v1(), config, weight(1), [[atV1('cpu.shares'), '10', '1024']]],
    [
      'cpu weight of a container and of its pod',
      {
        ...V2_MOUNT,
        ...v2Group(POD_V2, [], { 'cpu.weight': '39\n' }),
        ...v2Group(CONTAINER_V2, [100], { 'cpu.weight': '20\n' }),
      },
      inPod,
      weight(60),
      [
        [at('cpu.weight', POD_V2), '79', '39'],
        [at('cpu.weight', CONTAINER_V2), '60', '20'],
      ],
    ],
    [
      'cpu set, v2, of a group that has its parent’s',
      v2(),
      config,
      cpus(6, 2, 3),
      [[at('cpuset.cpus'), '2-3,6', '']],
    ],
    [
      'cpu set, v1, in a group that has no memory nodes yet',
      v1({ 'cpuset.cpus': '\n', 'cpuset.mems': '\n' }),
      config,
      cpus(0, 1),
      [
        [atV1('cpuset.mems'), '0', ''],
        [atV1('cpuset.cpus'), '0-1', ''],
      ],
    ],
    [
      'a higher memory limit, v2, of a group without memory.high',
      v2({ 'memory.max': `${mib(256)}\n` }),
      config,
      memory(512),
      [[at('memory.max'), mib(512), mib(256)]],
    ],
    [
      'a higher memory limit, v2, memory.high first and as far below as it was',
      v2({ 'memory.max': `${mib(256)}\n`, 'memory.high': `${mib(200)}\n` }),
      config,
      memory(512),
      [
        [at('memory.high'), mib(456), mib(200)],
        [at('memory.max'), mib(512), mib(256)],
      ],
    ],
    [
      'a lower memory limit, v2, memory.high first and not below what is in use',
      v2({ 'memory.max': `${mib(256)}\n`, 'memory.high': `${mib(200)}\n` }),
      config,
      memory(64),
      [
        [at('memory.high'), mib(55), mib(200)],
        [at('memory.max'), mib(64), mib(256)],
      ],
    ],
    [
      'a memory limit, v1, of a group without one',
      v1(),
      config,
      memory(512),
      [[atV1('memory.limit_in_bytes'), mib(512), '9223372036854771712']],
    ],
    [
      'a higher memory limit, v1, memory and swap first',
      v1({ 'memory.limit_in_bytes': `${mib(256)}\n`, 'memory.memsw.limit_in_bytes': `${mib(256)}\n` }),
      config,
      memory(512),
      [
        [atV1('memory.memsw.limit_in_bytes'), mib(512), mib(256)],
        [atV1('memory.limit_in_bytes'), mib(512), mib(256)],
      ],
    ],
    [
      'a higher memory limit of a container and of its pod',
      {
        ...V2_MOUNT,
        ...v2Group(POD_V2, [], { 'memory.max': `${mib(300)}\n` }),
        ...v2Group(CONTAINER_V2, [100], { 'memory.max': `${mib(200)}\n` }),
      },
      inPod,
      memory(400),
      [
        [at('memory.max', POD_V2), mib(500), mib(300)],
        [at('memory.max', CONTAINER_V2), mib(400), mib(200)],
      ],
    ],
  ] as const satisfies readonly (readonly [
    string,
    Tree,
    string,
    NodeAction,
    readonly (readonly [string, string, string])[],
  ])[]) {
    it(`writes: ${what}`, async () => {
      node = new Node({ ...tree, ...processFiles(100, '0-7') });
      await expectWrites(node, text, action, writes);
    });
  }

  for (const [what, scheduler, tree, action, writes] of [
    [
      'BFQ, v2, beside a weight of one device',
      'none [bfq]',
      v2({ 'io.bfq.weight': 'default 100\n' }),
      diskWeight(320),
      [[at('io.bfq.weight'), 'default 120', 'default 100']],
    ],
    [
      'BFQ, v2, of older kernels',
      '[bfq]',
      v2({ 'io.bfq.weight': '100\n' }),
      diskWeight(50),
      [[at('io.bfq.weight'), '50', '100']],
    ],
    [
      'the cost model, v2',
      '[none] bfq',
      { ...v2(), '/sys/fs/cgroup/io.cost.qos': '8:16 enable=0\n8:0 enable=1 ctrl=auto\n' },
      diskWeight(320),
      [[at('io.weight'), 'default 320', 'default 100']],
    ],
    [
      'BFQ, v1',
      '[bfq]',
      v1({ 'blkio.bfq.weight': '100\n' }),
      diskWeight(320),
      [[atV1('blkio.bfq.weight'), '120', '100']],
    ],
    [
      'CFQ, v1',
      'noop [cfq]',
      v1({ 'blkio.weight': '500\n' }),
      diskWeight(150),
      [[atV1('blkio.weight'), '750', '500']],
    ],
  ] as const satisfies readonly (readonly [
    string,
    string,
    Tree,
    NodeAction,
    readonly (readonly [string, string, string])[],
  ])[]) {
    it(`writes a disk weight: ${what}`, async () => {
      node = new Node(tree);
      disk(scheduler);
      await expectWrites(node, config, action, writes);
    });
  }

  it('changes the default of disk weights, and leaves those of single devices', async () => {
    node = new Node(v2({ 'io.bfq.weight': 'default 100\n8:16 50\n' }));
    disk('[bfq]');
    const path = at('io.bfq.weight');
    const base = node.system();
    // The kernel takes one line and shows all.
    const write = (file: string, text: string) =>
      base.write(file, file === path ? `${text}\n8:16 50\n` : text);
    const keeper = node.keeper(node.site(node.config(config), { ...base, write }));
    const { outcome } = await keeper.submit(request('k', diskWeight(210)));
    expect(outcome.status, outcome.message).to.equal('applied');
    expect(node.get(path)).to.equal('default 110\n8:16 50\n');
    await keeper.release('k');
    expect(node.get(path)).to.equal('default 100\n8:16 50\n');
  });

  for (const [what, tree, action, why] of [
    ['a quota above the configured', v2(), quota(5), ['out-of-range', 'expected 0.05 to 4 cores']],
    ['a quota of nothing', v2(), quota(0.01), ['out-of-range', 'expected 0.05 to 4 cores']],
    [
      'a quota above that of the group around',
      { ...v2(), ...v2Group('demo', [], { 'cpu.max': '100000 100000\n' }) },
      quota(2),
      ['out-of-range', 'expected 0.05 to 1 cores'],
    ],
    [
      'a quota below its burst',
      v2({ 'cpu.max': '100000 100000\n', 'cpu.max.burst': '40000\n' }),
      quota(0.3),
      ['unsupported', 'below its burst of 40000 µs'],
    ],
    [
      'a quota shorter than the kernel takes',
      v2({ 'cpu.max': '5000 10000\n' }),
      quota(0.05),
      ['unsupported', 'below the least quota, 1000 µs'],
    ],
    ['a weight of 0', v2(), weight(0), ['out-of-range', 'expected 1 to 5000']],
    ['a broken weight', v2(), weight(1.5), ['out-of-range', '(a whole number)']],
    ['a weight above the configured', v2(), weight(6000), ['out-of-range', 'expected 1 to 5000']],
    [
      'the weight of an idle group',
      v2({ 'cpu.weight': '0\n' }),
      weight(100),
      ['unsupported', 'runs when nothing else does'],
    ],
    [
      'a cpu that the parent has not',
      { ...v2(), [at('cpuset.cpus.effective', 'demo')]: '0-3\n' },
      cpus(3, 4),
      ['out-of-range', 'cpu 4: expected some of 0-3, online and allowed'],
    ],
    [
      'a cpu that is offline',
      { ...v1(), [atV1('cpuset.effective_cpus', 'demo')]: '0-2,4-7\n' },
      cpus(3),
      ['out-of-range', 'expected some of 0-2,4-7'],
    ],
    ['no cpu', v2(), cpus(), ['out-of-range', 'no cpu: expected']],
    [
      'the cpus of a partition',
      v2({ 'cpuset.cpus.partition': 'root\n' }),
      cpus(1),
      ['unsupported', 'cpuset partition'],
    ],
    ['a memory limit below what is in use', v2(), memory(52), ['out-of-range', '52428800 being in use']],
    [
      'a memory limit below the configured',
      v2({ 'memory.current': '1048576\n' }),
      memory(16),
      ['out-of-range', 'expected 33554432 to'],
    ],
    ['a memory limit above the configured', v2(), memory(5000), ['out-of-range', 'to 4294967296 bytes']],
    [
      'more memory than the group around has',
      { ...v2(), [at('memory.max', 'demo')]: `${mib(300)}\n` },
      memory(400),
      ['out-of-range', `to ${mib(300)} bytes`],
    ],
    [
      'more memory than there is',
      { ...v2(), '/proc/meminfo': 'MemTotal: 1048576 kB\n' },
      memory(2000),
      ['out-of-range', `to ${mib(1024)} bytes`],
    ],
    [
      'a disk weight where nothing heeds it',
      v2(),
      diskWeight(200),
      ['unsupported', 'no disk weight has an effect on 8:0 (mq-deadline)'],
    ],
  ] as const satisfies readonly (readonly [string, Tree, NodeAction, readonly [string, string]])[]) {
    it(`refuses ${what}`, async () => {
      node = new Node({ ...tree, ...processFiles(100, '0-7') });
      disk('none [mq-deadline]');
      await expectRefusal(node, config, action, why);
    });
  }

  for (const [what, tree, text, action, why] of [
    ['a container that is not here', v2(), inPod, quota(1), `no container ${ID} runs here`],
    [
      'memory without a ceiling',
      v2(),
      `targets: [{ name: rate, cgroup: ${RATE} }]`,
      memory(64),
      'no max_memory_bytes',
    ],
    [
      'no cgroup at all',
      processFiles(100, '0'),
      'targets: [{ name: rate, pids: [100] }]',
      cpus(0),
      'no cgroup cpuset',
    ],
    [
      'a controller that v2 does not offer',
      { ...v2(), '/sys/fs/cgroup/cgroup.controllers': 'cpu memory\n' },
      config,
      cpus(0),
      'does not offer the cpuset controller',
    ],
    [
      'a controller that is not enabled for the group',
      Object.fromEntries(Object.entries(v2()).filter(([path]) => !path.startsWith(at('cpu.weight')))),
      config,
      weight(200),
      'cpu.weight does not exist',
    ],
  ] as const satisfies readonly (readonly [string, Tree, string, NodeAction, string])[]) {
    it(`cannot turn a knob: ${what}`, async () => {
      node = new Node(tree);
      await expectRefusal(node, text, action, ['unsupported', why]);
    });
  }

  it('leaves a memory limit that would no longer hold what is in use, and lowers it once it does', async () => {
    node = new Node(v2({ 'memory.max': `${mib(128)}\n` }));
    const keeper = node.keeper(node.site(node.config(config)));
    await keeper.submit(request('k', memory(512)));
    node.put(at('memory.current'), `${mib(300)}\n`);
    const kept = await keeper.release('k');
    expect(kept?.outcome.status).to.equal('failed');
    expect(kept?.outcome.message).to.include('would not hold the 262144000 bytes in use');
    expect(node.get(at('memory.max'))).to.equal(mib(512));
    node.put(at('memory.current'), `${mib(100)}\n`);
    node.clock.advance(10_000);
    await keeper.expire();
    expect(node.get(at('memory.max'))).to.equal(mib(128));
  });

  // Of a plan of four writes so many are made; then nothing can be written any more, as after a kill.
  for (const writes of [0, 1, 2, 3, 4]) {
    it(`restores every file after a crash at write ${writes}`, async () => {
      const limits = { 'memory.max': `${mib(256)}\n`, 'memory.high': `${mib(200)}\n` };
      node = new Node({
        ...V2_MOUNT,
        ...v2Group(POD_V2, [], limits),
        ...v2Group(CONTAINER_V2, [100], limits),
      });
      const before = snapshot(node);
      const base = node.system();
      let left = writes;
      const write = (path: string, text: string) => {
        if (left-- <= 0) throw new Error('killed');
        base.write(path, text);
      };
      const crashed = node.keeper(node.site(node.config(inPod), { ...base, write }));
      const { outcome } = await crashed.submit(request('k', memory(512)));
      expect(outcome.status).to.equal(writes === 4 ? 'applied' : 'failed');
      expect(Object.keys(before).filter((path) => snapshot(node)[path] !== before[path])).to.have.length(
        writes,
      );
      await node.keeper(node.site(node.config(inPod))).restore();
      expect(snapshot(node)).to.deep.equal(before);
    });
  }

  it('says where every knob of a target stands', async () => {
    node = new Node({
      ...v2({ 'cpu.max': '50000 100000\n', 'memory.max': `${mib(256)}\n`, 'io.bfq.weight': 'default 110\n' }),
      ...processFiles(100, '0-7'),
      [at('cpuset.cpus.effective', 'demo')]: '0-3\n',
    });
    disk('[bfq]');
    const site = node.site(node.config(config));
    const sampler = new Sampler(site, { clock: node.clock, monotonicMs: () => 0 });
    const state = await readTargetState(site, site.config.targets[0] as never, sampler);
    expect(state).to.deep.equal({
      target: 'rate',
      cpuQuotaCores: { current: 0.5, max: 4 },
      cpuWeight: { current: 100, max: 5000 },
      cpuSet: { current: [0, 1, 2, 3, 4, 5, 6, 7], allowed: [0, 1, 2, 3] },
      memoryLimitBytes: { current: 256 * MIB, max: 4096 * MIB, used: 50 * MIB },
      diskWeight: { current: 210, max: 5000 },
      coRunners: [],
      limitable: ['cpu', 'disk'],
    });
  });
});

describe('co-runners', () => {
  let node: Node;
  afterEach(() => node.remove());

  const ALLOW = 'co_runners: { allow: ["^stress"] }';
  const limit = (pids: readonly number[], of?: 'cpu' | 'disk'): NodeAction => ({
    kind: 'limit-corunner',
    target: 'rate',
    pids,
    ...(of === undefined ? {} : { of }),
  });
  const inV2 = (pid: number, group: string, command = 'stress'): Tree => ({
    ...processFiles(pid, '0-7', command),
    [`/proc/${pid}/cgroup`]: `0::/${group}\n`,
    [`/proc/${pid}/mountinfo`]: '27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n',
  });
  const start = (tree: Tree) => {
    node = new Node({ ...v2(), ...inV2(100, RATE, 'node'), ...tree });
    putDisk(node, '[none]');
    const keeper = node.keeper(node.site(node.config(`${config}\n${ALLOW}`)));
    return { keeper, before: snapshot(node) };
  };
  const BATCH = 'batch/job';
  const DISK = '8:0 rbps=1048576 wbps=1048576 riops=max wiops=max';

  it('alone in their group are limited there, v2', async () => {
    const { keeper, before } = start({
      ...v2Group(BATCH, [200, 201], { 'io.max': '8:16 rbps=5 wbps=max riops=max wiops=max\n' }),
      ...inV2(200, BATCH),
      ...inV2(201, BATCH),
    });
    const cpu = await keeper.submit(request('c', limit([200, 201])));
    expect(cpu.outcome.writes).to.deep.equal([
      `write "5000 100000" to ${at('cpu.max', BATCH)} (was "max 100000")`,
    ]);
    const io = await keeper.submit(request('d', limit([200, 201], 'disk')));
    expect(io.outcome.writes).to.deep.equal([
      `write "${DISK}" to ${at('io.max', BATCH)} (was "8:0 rbps=max wbps=max riops=max wiops=max")`,
    ]);
    expect(io.outcome.status, io.outcome.message).to.equal('applied');
    expect((await keeper.submit(request('e', limit([200, 201])))).outcome.status).to.equal('unchanged');
    await keeper.release('c');
    await keeper.release('d');
    // The kernel leaves out the line of a disk without limits; here it stays as it was written.
    expect(snapshot(node)).to.deep.equal({
      ...before,
      [at('io.max', BATCH)]: '8:0 rbps=max wbps=max riops=max wiops=max',
    });
  });

  it('keep lower limits, and limits of operations', async () => {
    const { keeper } = start({
      ...v2Group(BATCH, [200], {
        'cpu.max': '2000 100000\n',
        'io.max': '8:0 rbps=max wbps=4096 riops=max wiops=120\n',
      }),
      ...inV2(200, BATCH),
    });
    expect((await keeper.submit(request('c', limit([200])))).outcome.status).to.equal('unchanged');
    const io = await keeper.submit(request('d', limit([200], 'disk')));
    expect(io.outcome.writes[0]).to.include('"8:0 rbps=1048576 wbps=4096 riops=max wiops=120"');
    await keeper.release('d');
    expect(node.get(at('io.max', BATCH))?.trim()).to.equal('8:0 rbps=max wbps=4096 riops=max wiops=120');
  });

  it('among others move into a group beside their own, v2', async () => {
    const { keeper } = start({
      ...v2Group('batch', [], { 'cgroup.subtree_control': 'cpu io memory\n' }),
      ...v2Group(BATCH, [200, 201]),
      ...inV2(200, BATCH),
      ...inV2(201, BATCH, 'other'),
    });
    const { outcome } = await keeper.submit(request('d', limit([200], 'disk')));
    expect(outcome.status, outcome.message).to.equal('applied');
    const group = /^mkdir (\S+)$/.exec(outcome.writes[0] as string)?.[1] as string;
    expect(group).to.match(/^\/sys\/fs\/cgroup\/batch\/sage-limited-[0-9a-f]{8}$/);
    expect(outcome.writes.slice(1)).to.deep.equal([
      `write "${DISK}" to ${group}/io.max (was "8:0 rbps=max wbps=max riops=max wiops=max")`,
      `write 200 to ${group}/cgroup.procs (was in ${at('cgroup.procs', BATCH)})`,
    ]);
    await keeper.release('d');
    expect(node.get(`${group}/io.max`)).to.equal(undefined);
  });

  it('are limited in each way to the disk, v1', async () => {
    node = new Node({
      ...v1(),
      ...v1Group(BATCH, [200]),
      ...inV2(100, RATE, 'node'),
      ...inV2(200, BATCH),
      '/proc/200/cgroup': `5:blkio:/${BATCH}\n2:cpu,cpuacct:/${BATCH}\n`,
    });
    putDisk(node, '[none]');
    const before = snapshot(node);
    const keeper = node.keeper(node.site(node.config(`${config}\n${ALLOW}`)));
    const { outcome } = await keeper.submit(request('d', limit([200], 'disk')));
    expect(outcome.writes).to.deep.equal(
      ['read', 'write'].map(
        (way) => `write "8:0 1048576" to ${atV1(`blkio.throttle.${way}_bps_device`, BATCH)} (was "8:0 0")`,
      ),
    );
    await keeper.release('d');
    expect(Object.keys(snapshot(node))).to.deep.equal(Object.keys(before));
  });

  for (const [what, tree, action, why] of [
    [
      'that would leave a memory limit, v2',
      {
        ...v2Group('batch', [], { 'cgroup.subtree_control': 'cpu io memory\n' }),
        ...v2Group(BATCH, [200, 201], { 'memory.max': '1073741824\n' }),
        ...inV2(200, BATCH),
      },
      limit([200]),
      ['unsupported', 'would leave its memory limit'],
    ],
    [
      'beside whose group none can be, v2',
      { ...v2Group('batch', []), ...v2Group(BATCH, [200, 201]), ...inV2(200, BATCH) },
      limit([200], 'disk'),
      ['unsupported', '/batch/cgroup.subtree_control does not enable io'],
    ],
    [
      'on another disk',
      {
        ...v2Group(BATCH, [200]),
        ...inV2(200, BATCH),
        '/proc/200/mountinfo': '27 1 9:0 / / rw - ext4 /dev/md0 rw\n',
      },
      limit([200], 'disk'),
      ['not-allowed', 'it is on disk (none), the target on disk 8:0'],
    ],
    [
      'on other processors',
      { ...v2Group(BATCH, [200]), ...inV2(200, BATCH), '/proc/200/status': 'Cpus_allowed_list:\t8\n' },
      limit([200]),
      ['not-allowed', 'it runs on cpu 8'],
    ],
    [
      'off the allow-list',
      { ...v2Group(BATCH, [200]), ...inV2(200, BATCH, 'other') },
      limit([200], 'disk'),
      ['not-allowed', 'matches no co_runners.allow'],
    ],
    ['that are a target', {}, limit([100], 'disk'), ['not-allowed', 'belongs to a target']],
  ] as const satisfies readonly (readonly [string, Tree, NodeAction, readonly [string, string]])[]) {
    it(`are refused: ${what}`, async () => {
      node = new Node({ ...v2(), ...inV2(100, RATE, 'node'), ...tree });
      putDisk(node, '[none]');
      await expectRefusal(node, `${config}\n${ALLOW}`, action, why);
    });
  }

  it('are on the disk that holds the upper layer of a container, and under a volume', async () => {
    node = new Node({
      ...v2(),
      ...inV2(100, RATE, 'node'),
      '/proc/1/mountinfo':
        '27 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '/proc/100/mountinfo':
        '50 1 0:60 / / rw - overlay overlay rw,lowerdir=/l/a:/l/b,upperdir=/var/lib/docker/o/diff,workdir=/w\n',
      ...v2Group(BATCH, [200]),
      ...inV2(200, BATCH),
      '/proc/200/mountinfo': '27 1 253:0 / /data rw - xfs /dev/mapper/vg-data rw\n',
      '/sys/devices/virtual/block/dm-0/slaves/sda1/dev': '8:1\n',
      '/sys/class/block/sda1/dev': '8:1\n',
    });
    putDisk(node, '[none]');
    putLink(node, '/sys/dev/block/253:0', '../../devices/virtual/block/dm-0');
    const keeper = node.keeper(node.site(node.config(`${config}\n${ALLOW}`)));
    const { outcome } = await keeper.submit(request('d', limit([200], 'disk')));
    expect(outcome.writes[0], outcome.message).to.include(`write "${DISK}"`);
  });

  it('tell what they take of the processor and of the disk, of what they share', async () => {
    node = new Node({ ...v2(), ...inV2(100, RATE, 'node'), ...inV2(200, BATCH), ...inV2(201, BATCH) });
    putDisk(node, '[none]');
    node.put('/proc/201/status', 'Cpus_allowed_list:\t9\n');
    const use = (pid: number, bytes: number) =>
      node.put(`/proc/${pid}/io`, `read_bytes: ${bytes}\nwrite_bytes: 0\ncancelled_write_bytes: 0\n`);
    use(200, 0);
    use(201, 0);
    const site = node.site(node.config(`${config}\n${ALLOW}`));
    let nowMs = 0;
    const sampler = new Sampler(site, { clock: node.clock, monotonicMs: () => nowMs });
    await sampler.sample();
    nowMs += 2000;
    use(200, 4 * MIB);
    use(201, 2 * MIB);
    await sampler.sample();
    const { coRunners } = await readTargetState(site, site.config.targets[0] as never, sampler);
    expect(coRunners).to.deep.equal([
      { pid: 200, command: 'stress --flag', cpuCores: 0, diskBytesPerSecond: 2 * MIB },
      { pid: 201, command: 'stress --flag', cpuCores: 0, diskBytesPerSecond: MIB },
    ]);
  });
});
