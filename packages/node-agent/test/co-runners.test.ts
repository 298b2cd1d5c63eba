import type { NodeAction } from '@sage/core';
import { expect } from 'chai';
import { Sampler } from '../src/sampling/sampler.js';
import { readTargetState } from '../src/target-state.js';
import { Node, processFiles, request, type Tree } from './fixture.js';
import {
  at,
  atV1,
  config,
  expectRefusal,
  MIB,
  putDisk,
  putLink,
  RATE,
  snapshot,
  v1,
  v1Group,
  v2,
  v2Group,
} from './group-trees.js';

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

  it('are limited on the disk again where somebody else has lifted it, and what they set for it comes back', async () => {
    const { keeper } = start({ ...v2Group(BATCH, [200]), ...inV2(200, BATCH) });
    const path = at('io.max', BATCH);
    const others = '8:16 rbps=5 wbps=max riops=max wiops=max';
    for (const [found, id, undone] of [
      ['8:0 rbps=max wbps=9000000 riops=max wiops=max', 'd', '8:0 rbps=max wbps=9000000 riops=max wiops=max'],
      ['', 'e', '8:0 rbps=max wbps=max riops=max wiops=max'],
    ] as const) {
      await keeper.submit(request(id, limit([200], 'disk')));
      node.put(path, `${others}\n${found}\n`);
      await keeper.reconcile();
      expect(node.get(path)).to.equal(DISK);
      await keeper.release(id);
      expect(node.get(path)).to.equal(undone);
    }
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
