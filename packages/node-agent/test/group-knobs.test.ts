import type { NodeAction } from '@sage/core';
import { expect } from 'chai';
import { Sampler } from '../src/sampling/sampler.js';
import { readTargetState } from '../src/target-state.js';
import { Node, processFiles, request, type Tree } from './fixture.js';
import {
  at,
  atV1,
  CONTAINER_V1,
  CONTAINER_V2,
  config,
  expectRefusal,
  expectWrites,
  ID,
  inPod,
  MIB,
  POD_V1,
  POD_V2,
  putDisk,
  RATE,
  snapshot,
  V1_MOUNTS,
  V2_MOUNT,
  v1,
  v1Group,
  v2,
  v2Group,
} from './group-trees.js';

const quota = (cores: number): NodeAction => ({ kind: 'cpu-quota', target: 'rate', cores });
const weight = (value: number): NodeAction => ({ kind: 'cpu-weight', target: 'rate', weight: value });
const cpus = (...list: number[]): NodeAction => ({ kind: 'cpu-set', target: 'rate', cpus: list });
const memory = (mebibytes: number): NodeAction => ({
  kind: 'memory-limit',
  target: 'rate',
  bytes: mebibytes * MIB,
});

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

  it('sets a memory limit again that somebody else has changed, and gives back theirs', async () => {
    node = new Node(v2({ 'memory.max': `${mib(256)}\n` }));
    const keeper = node.keeper(node.site(node.config(config)));
    await keeper.submit(request('k', memory(512)));
    node.put(at('memory.max'), `${mib(300)}\n`);
    await keeper.reconcile();
    expect(node.get(at('memory.max'))).to.equal(mib(512));
    await keeper.release('k');
    expect(node.get(at('memory.max'))).to.equal(mib(300));
  });

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
