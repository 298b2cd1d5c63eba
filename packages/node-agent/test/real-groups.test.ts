import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeAction } from '@sage/core';
import { expect } from 'chai';
import { parseIoBytes, readProcessStat, readProcessStatus } from '../src/procfs/process.js';
import { createSystem } from '../src/system.js';
import { readProcessDisks } from '../src/targets/disks.js';
import { findTarget } from '../src/targets/find-target.js';
import { Node, request, unwrap } from './fixture.js';
import { ID, POD } from './group-trees.js';
import { type RealGroups, realGroups, skip } from './real-groups.js';

const MIB = 1024 ** 2;
const BURN = ['-c', '0', process.execPath, '-e', 'for (;;) {}', 'sage-test-burner'];
const TICKS_PER_SECOND = 100;
const system = createSystem({ sysRoot: '/', fetch });

/** Processor time of processes, seconds. */
const cpuSeconds = (pid: number) => (readProcessStat(system, pid)?.cpuTicks ?? Number.NaN) / TICKS_PER_SECOND;

async function spent(pids: readonly number[], milliseconds: number) {
  const before = pids.map(cpuSeconds);
  const startMs = performance.now();
  await sleep(milliseconds);
  const seconds = (performance.now() - startMs) / 1000;
  return { cores: pids.map((pid, index) => (cpuSeconds(pid) - (before[index] as number)) / seconds) };
}

/** All burners run on processor 0, and their common group goes before whatever else the machine does there. */
describe('control groups of this machine', function () {
  this.timeout(60_000);
  const node = new Node({});
  let groups: RealGroups | undefined;
  afterEach(async () => {
    await groups?.remove();
    groups = undefined;
  });
  after(() => node.remove());

  const start = (test: Mocha.Context, ...controllers: Parameters<typeof realGroups>[1]) => {
    groups = realGroups(test, controllers);
    return groups;
  };
  const first = (real: RealGroups) => {
    real.set(
      '',
      real.has('', 'cpu', 'cpu.weight') ? 'cpu.weight' : 'cpu.shares',
      real.has('', 'cpu', 'cpu.weight') ? '10000' : '262144',
    );
  };
  const keeperOf = (targets: string, more = '') =>
    node.keeper(node.site(node.config(`targets: [${targets}]\n${more}`), system, () => performance.now()));
  const apply = async (keeper: ReturnType<typeof keeperOf>, action: NodeAction, id: string = action.kind) => {
    const { outcome } = await keeper.submit(request(id, action));
    expect(outcome.status, outcome.message).to.equal('applied');
  };

  it('share a processor as their weights say', async function () {
    const real = start(this, 'cpu');
    first(real);
    for (const name of ['rate', 'other']) real.make(name);
    const pids = ['rate', 'other'].map((name) => real.spawn(name, 'taskset', BURN).pid);
    const before = real.limits();
    const keeper = keeperOf(`{ name: rate, cgroup: ${real.path('rate')} }`);
    for (const weight of [300, 50]) {
      await apply(keeper, { kind: 'cpu-weight', target: 'rate', weight }, `w${weight}`);
      await sleep(300);
      const { cores } = await spent(pids, 4000);
      const share = (cores[0] as number) / ((cores[0] as number) + (cores[1] as number));
      expect(share / (weight / (weight + 100)), `share ${share} at weight ${weight}`).to.be.within(
        0.95,
        1.05,
      );
    }
    unwrap(await keeper.close());
    expect(real.limits()).to.deep.equal(before);
  });

  it('get the processor time that their quota says', async function () {
    const real = start(this, 'cpu');
    first(real);
    real.make('rate');
    const { pid } = real.spawn('rate', 'taskset', BURN);
    const before = real.limits();
    const keeper = keeperOf(`{ name: rate, cgroup: ${real.path('rate')} }`);
    for (const cores of [0.2, 0.4]) {
      await apply(keeper, { kind: 'cpu-quota', target: 'rate', cores }, `q${cores}`);
      await sleep(300);
      const used = (await spent([pid], 4000)).cores[0] as number;
      expect(used / cores, `${used} of ${cores} cores`).to.be.within(0.95, 1.05);
    }
    unwrap(await keeper.close());
    expect(real.limits()).to.deep.equal(before);
  });

  it('of a pod and its container, found by the container’s id, go up together and come down in an order that the kernel takes', async function () {
    const real = start(this, 'cpu', 'memory');
    const pod = `pod${POD}`;
    const container = `${pod}/${ID}`;
    real.make(pod);
    real.make(container);
    const v1 = real.has(pod, 'cpu', 'cpu.cfs_quota_us');
    for (const path of [pod, container]) {
      if (v1) real.set(path, 'cpu.cfs_quota_us', '50000');
      else real.set(path, 'cpu.max', '50000 100000');
      real.set(path, v1 ? 'memory.limit_in_bytes' : 'memory.max', String(128 * MIB));
    }
    const { pid } = real.spawn(container, 'sleep', ['100']);
    const before = real.limits();
    const text = `{ name: rate, container_id: ${ID.slice(0, 12)}, max_cpu_cores: 2, max_memory_bytes: ${512 * MIB} }`;
    const site = node.site(node.config(`targets: [${text}]`), system, () => performance.now());
    expect(unwrap(findTarget(site, site.config.targets[0] as never)).pids).to.deep.equal([pid]);
    const keeper = keeperOf(text);
    await apply(keeper, { kind: 'cpu-quota', target: 'rate', cores: 1 });
    await apply(keeper, { kind: 'memory-limit', target: 'rate', bytes: 256 * MIB });
    const quota = v1 ? 'cpu.cfs_quota_us' : 'cpu.max';
    for (const path of [pod, container]) {
      expect(readFileSync(`${real.directory(path)}/${quota}`, 'utf8')).to.match(/^100000\b/);
    }
    unwrap(await keeper.close());
    expect(real.limits()).to.deep.equal(before);
  });

  it('run on the processors of their set', async function () {
    const real = start(this, 'cpuset');
    real.make('rate');
    const { pid } = real.spawn('rate', process.execPath, ['-e', 'for (;;) {}']);
    const [cpu = 0] = readProcessStatus(system, pid)?.allowedCpus ?? [];
    const before = real.limits();
    const keeper = keeperOf(`{ name: rate, cgroup: ${real.path('rate')} }`);
    await apply(keeper, { kind: 'cpu-set', target: 'rate', cpus: [cpu] });
    expect(readProcessStatus(system, pid)?.allowedCpus).to.deep.equal([cpu]);
    for (let look = 0; look < 20; look++) {
      await sleep(20);
      const fields = (system.read(`/proc/${pid}/stat`) ?? '').split(') ')[1]?.split(' ');
      // Field 39 of proc(5): the processor it ran on last.
      expect(fields?.[39 - 3]).to.equal(String(cpu));
    }
    const absent = await keeper.submit(request('far', { kind: 'cpu-set', target: 'rate', cpus: [8191] }));
    expect(absent.reason).to.equal('out-of-range');
    unwrap(await keeper.close());
    expect(real.limits()).to.deep.equal(before);
  });

  it('hold as much memory as their limit says, and keep a raised limit until what is in use fits below it', async function () {
    const real = start(this, 'memory');
    real.make('rate');
    const v1 = real.has('rate', 'memory', 'memory.limit_in_bytes');
    real.set('rate', v1 ? 'memory.limit_in_bytes' : 'memory.max', String(128 * MIB));
    const eater = () => {
      const code = `let kept; process.stdin.on('data', (text) => { kept = Buffer.alloc(${MIB} * Number(text), 1); console.log(kept.length); })`;
      const child = real.spawn('rate', process.execPath, ['-e', code]);
      const grow = (mebibytes: number) =>
        new Promise<boolean>((resolve) => {
          child.stdout?.once('data', () => resolve(true));
          child.once('exit', () => resolve(false));
          child.stdin?.write(String(mebibytes));
        });
      return { child, grow };
    };
    expect(await eater().grow(200), 'the kernel kills what outgrows 128 MiB').to.equal(false);
    const { grow } = eater();
    expect(await grow(20)).to.equal(true);

    const files = () =>
      Object.fromEntries(Object.entries(real.limits()).filter(([path]) => !path.endsWith('procs')));
    const before = files();
    const keeper = keeperOf(`{ name: rate, cgroup: ${real.path('rate')}, max_memory_bytes: ${512 * MIB} }`);
    await apply(keeper, { kind: 'memory-limit', target: 'rate', bytes: 384 * MIB }, 'up');
    expect(await grow(200)).to.equal(true);
    const kept = await keeper.release('up');
    expect(kept?.outcome.message).to.match(/not undone yet: .* would not hold the \d+ bytes in use/);
    const small = await keeper.submit(
      request('low', { kind: 'memory-limit', target: 'rate', bytes: 128 * MIB }),
    );
    expect(small.reason).to.equal('out-of-range');
    expect(await grow(20), 'it still lives').to.equal(true);

    await real.kill();
    node.clock.advance(10_000);
    await keeper.expire();
    expect(files()).to.deep.equal(before);
    unwrap(await keeper.close());
  });

  it('of co-runners write to the disk as fast as they may', async function () {
    const real = start(this, 'io');
    for (const name of ['rate', 'batch']) real.make(name);
    const folder = mkdtempSync(join(process.cwd(), '.sage-test-'));
    try {
      const code = `const fs = require('node:fs'); const file = fs.openSync(process.argv[1], fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_DSYNC); const block = Buffer.alloc(65536, 1); for (;;) fs.writeSync(file, block, 0, block.length, 0);`;
      const target = real.spawn('rate', 'sleep', ['100']);
      const writer = real.spawn('batch', process.execPath, [
        '-e',
        code,
        join(folder, 'data'),
        'sage-test-writer',
      ]);
      if (readProcessDisks(system, target.pid).size === 0) {
        skip(this, 'the file systems here are on no disk');
      }
      const rate = async (milliseconds: number) => {
        const bytes = () => parseIoBytes(system.read(`/proc/${writer.pid}/io`) ?? '') ?? Number.NaN;
        const [from, startMs] = [bytes(), performance.now()];
        await sleep(milliseconds);
        return (1000 * (bytes() - from)) / (performance.now() - startMs);
      };
      await sleep(300);
      expect(await rate(500), 'what the disk takes').to.be.greaterThan(3 * MIB);
      const before = real.limits();
      const keeper = keeperOf(
        `{ name: rate, cgroup: ${real.path('rate')} }`,
        'co_runners: { allow: [sage-test-writer] }',
      );
      await apply(keeper, { kind: 'limit-corunner', target: 'rate', pids: [writer.pid], of: 'disk' });
      await sleep(1000);
      expect((await rate(5000)) / MIB).to.be.within(0.9, 1.1);
      unwrap(await keeper.close());
      expect(real.limits()).to.deep.equal(before);
      expect(await rate(500), 'freed').to.be.greaterThan(3 * MIB);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
