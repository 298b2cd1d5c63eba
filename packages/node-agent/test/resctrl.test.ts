import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure, type NodeAction } from '@sage/core';
import { expect } from 'chai';
import { Sampler } from '../src/sampling/sampler.js';
import type { System } from '../src/system.js';
import { readTargetState } from '../src/target-state.js';
import { Node, processFiles, request, type Tree } from './fixture.js';
import {
  AMD,
  CDP,
  INTEL,
  L2_ONLY,
  MOUNT,
  type Processor,
  resctrlSystem,
  resctrlTree,
} from './resctrl-kernel.js';

const ways = (count: number): NodeAction => ({ kind: 'llc-ways', target: 'rate', ways: count });
const bandwidth = (value: number): NodeAction => ({ kind: 'memory-bandwidth', target: 'rate', value });
const limit = (of: 'llc' | 'memory-bandwidth', ...pids: number[]): NodeAction => ({
  kind: 'limit-corunner',
  target: 'rate',
  pids,
  of,
});

const TARGETS = 'targets: [{ name: rate, pids: [100] }]\nco_runners: { allow: ["^stress"] }';
const GROUP = `${MOUNT}/sage-rate`;

/** Cache ids of the processors: cpu 0 and 1 in domain 0, cpu 2 in domain 2. */
function caches(level: number, ids: Readonly<Record<number, number>> = { 0: 0, 1: 0, 2: 2 }): Tree {
  const files = Object.entries(ids).flatMap(([cpu, id]) => {
    const folder = `/sys/devices/system/cpu/cpu${cpu}/cache/index${level}`;
    return [
      [`${folder}/level`, `${level}\n`],
      [`${folder}/id`, `${id}\n`],
      [`${folder}/type`, 'Unified\n'],
      [`${folder}/shared_cpu_list`, `${cpu}\n`],
    ];
  });
  return Object.fromEntries(files);
}

describe('resctrl', () => {
  let node: Node;
  afterEach(() => node.remove());

  /** A target on `cpus` with threads 100 and 101, and a co-runner 200 beside it. */
  const start = (processor: Processor, { cpus = '0', tree = {} as Tree } = {}) => {
    node = new Node({
      ...resctrlTree(processor, [100, 101, 200]),
      ...processFiles(100, cpus),
      '/proc/100/task/101/schedstat': '1 1 1\n',
      ...processFiles(200, '1', 'stress'),
      ...caches(3),
      ...tree,
    });
    return keeperWith(resctrlSystem(node, processor));
  };
  const keeperWith = (system: System) => node.keeper(node.site(node.config(TARGETS), system));
  const schemata = (group = GROUP) => node.get(`${group}/schemata`);
  const tasks = (group = GROUP) => node.get(`${group}/tasks`);
  /** Everything below the mount but the status of the last command, by path. */
  const snapshot = (): Tree => {
    const paths = readdirSync(join(node.root, MOUNT), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'last_cmd_status')
      .map((entry) => join(entry.parentPath, entry.name));
    return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(path, 'utf8')]));
  };

  it('gives a target a group with adjacent ways in the cache where it runs, and removes it', async () => {
    const keeper = start(INTEL);
    const before = snapshot();
    const { outcome } = await keeper.submit(request('c1', ways(4)));
    expect(outcome.status, outcome.message).to.equal('applied');
    expect(outcome.writes).to.deep.equal([
      `mkdir ${GROUP}`,
      `write "L3:0=f" to ${GROUP}/schemata (was "L3:0=fffff")`,
      `write the threads of 100 to ${GROUP}/tasks`,
    ]);
    expect(schemata()).to.equal('    L3:0=f;2=fffff\n    MB:0=100;2=100\n');
    expect(tasks()).to.equal('100\n101\n');
    expect(tasks(MOUNT)).to.equal('200\n');

    const second = await keeper.submit(request('c2', ways(6)));
    expect(second.outcome.writes).to.deep.equal([
      `mkdir ${GROUP}`,
      `write "L3:0=3f" to ${GROUP}/schemata (was "L3:0=f")`,
    ]);
    expect((await keeper.submit(request('c3', ways(6)))).outcome.status).to.equal('unchanged');
    await keeper.release('c3');
    expect(snapshot()).to.deep.equal(before);
  });

  it('writes every domain where the target runs, and where the node does not tell', async () => {
    for (const [cpus, tree] of [
      ['0,2', {}],
      ['0', Object.fromEntries(Object.keys(caches(3)).map((path) => [path, '']))],
    ] as const) {
      const keeper = start(INTEL, { cpus, tree });
      await keeper.submit(request('c1', ways(4)));
      expect(schemata()).to.equal('    L3:0=f;2=f\n    MB:0=100;2=100\n');
      node.remove();
    }
  });

  it("keeps off ways that are a group's alone, and off those that devices use while it can", async () => {
    const usage = { [`${MOUNT}/info/L3/bit_usage`]: '0=XXSSSSSSSSSSSSSSEEEE;2=XXSSSSSSSSSSSSSSSSSS\n' };
    const keeper = start(INTEL, { tree: usage });
    await keeper.submit(request('c1', ways(14)));
    expect(schemata()).to.equal('    L3:0=3fff0;2=fffff\n    MB:0=100;2=100\n');
    await keeper.submit(request('c2', ways(16)));
    expect(schemata()).to.equal('    L3:0=ffff0;2=fffff\n    MB:0=100;2=100\n');
    expect((await keeper.submit(request('c3', ways(17)))).reason).to.equal('out-of-range');
  });

  it('sets code and data alike where they are prioritised apart', async () => {
    const keeper = start(CDP);
    const before = snapshot();
    expect((await keeper.submit(request('c1', ways(3)))).outcome.status).to.equal('applied');
    expect(schemata()).to.equal('L3DATA:0=7;2=fffff\nL3CODE:0=7;2=fffff\n');
    await keeper.release('c1');
    expect(snapshot()).to.deep.equal(before);
  });

  it('partitions an L2 where there is no L3 to partition', async () => {
    const keeper = start(L2_ONLY, { cpus: '2', tree: caches(2, { 0: 0, 1: 0, 2: 1 }) });
    await keeper.submit(request('c1', ways(2)));
    expect(schemata()).to.equal('    L2:0=ff;1=3\n');
  });

  it("holds a target's bandwidth: percent of Intel, eighths of a GB/s of AMD", async () => {
    let keeper = start(INTEL);
    expect((await keeper.submit(request('b1', bandwidth(50)))).outcome.status).to.equal('applied');
    expect(schemata()).to.equal('    L3:0=fffff;2=fffff\n    MB:0=50;2=100\n');
    node.remove();
    keeper = start(AMD);
    expect((await keeper.submit(request('b1', bandwidth(333)))).outcome.status).to.equal('applied');
    expect(schemata()).to.equal('    MB:0=333;1=2048\n    L3:0=ffff;1=ffff\n');
  });

  it('keeps one group for ways and bandwidth of a target, until neither is in force', async () => {
    for (const order of [
      ['c', 'b'],
      ['b', 'c'],
    ]) {
      const keeper = start(INTEL);
      const before = snapshot();
      await keeper.submit(request('c', ways(4)));
      await keeper.submit(request('b', bandwidth(50)));
      expect(schemata()).to.equal('    L3:0=f;2=fffff\n    MB:0=50;2=100\n');
      await keeper.release(order[0] as string);
      expect(schemata()).to.equal(
        order[0] === 'c'
          ? '    L3:0=fffff;2=fffff\n    MB:0=50;2=100\n'
          : '    L3:0=f;2=fffff\n    MB:0=100;2=100\n',
      );
      expect(tasks()).to.equal('100\n101\n');
      await keeper.release(order[1] as string);
      expect(snapshot()).to.deep.equal(before);
      node.remove();
    }
    start(INTEL);
  });

  it('limits co-runners in ways, and in bandwidth, where they share it', async () => {
    for (const [processor, of, expected] of [
      [INTEL, 'llc', '    L3:0=3;2=fffff\n    MB:0=100;2=100\n'],
      [INTEL, 'memory-bandwidth', '    L3:0=fffff;2=fffff\n    MB:0=10;2=100\n'],
      [AMD, 'memory-bandwidth', '    MB:0=205;1=2048\n    L3:0=ffff;1=ffff\n'],
    ] as const) {
      const keeper = start(processor);
      const before = snapshot();
      const { outcome } = await keeper.submit(request('l1', limit(of, 200)));
      expect(outcome.status, outcome.message).to.equal('applied');
      const group = (outcome.writes[0] as string).replace('mkdir ', '');
      expect(group).to.match(/\/sage-limited:[0-9a-f]{8}$/);
      expect([schemata(group), tasks(group), tasks(MOUNT)]).to.deep.equal([expected, '200\n', '100\n101\n']);
      expect((await keeper.submit(request('l2', limit(of, 200)))).reason).to.equal('busy');
      await keeper.release('l1');
      expect(snapshot()).to.deep.equal(before);
      node.remove();
    }
    const keeper = start(INTEL, { cpus: '2' });
    const answer = await keeper.submit(request('l1', limit('llc', 200)));
    expect(answer.outcome.message).to.include('no L3 cache in common with the target');
  });

  it('gives threads back to the monitoring group that counted them', async () => {
    const keeper = start(INTEL, { tree: { [`${MOUNT}/mon_groups/cadvisor/tasks`]: '100\n101\n' } });
    const before = snapshot();
    await keeper.submit(request('c1', ways(4)));
    expect(tasks(`${MOUNT}/mon_groups/cadvisor`)).to.equal('');
    await keeper.release('c1');
    expect(tasks(`${MOUNT}/mon_groups/cadvisor`)).to.equal('100\n101\n');
    expect(Object.keys(snapshot())).to.deep.equal(Object.keys(before));
  });

  it('tells where ways and bandwidth stand, and what can be limited', async () => {
    start(INTEL);
    const site = node.site(node.config(TARGETS), resctrlSystem(node, INTEL));
    const sampler = new Sampler(site, { clock: node.clock, monotonicMs: () => 0 });
    const state = () => readTargetState(site, site.config.targets[0] as never, sampler);
    expect(await state()).to.deep.include({
      llcWays: { current: 20, max: 20 },
      memoryBandwidth: { current: 100, max: 100, unit: 'percent' },
      limitable: ['llc', 'memory-bandwidth'],
    });
    const keeper = node.keeper(site);
    await keeper.submit(request('c', ways(5)));
    await keeper.submit(request('b', bandwidth(30)));
    expect(await state()).to.deep.include({
      llcWays: { current: 5, max: 20 },
      memoryBandwidth: { current: 30, max: 100, unit: 'percent' },
    });
  });

  for (const [what, processor, tree, action, reason, text] of [
    ['no resctrl', undefined, {}, ways(4), 'unsupported', 'resctrl is not mounted'],
    [
      'no cache allocation',
      { ...INTEL, info: {}, lines: {} },
      {},
      ways(4),
      'unsupported',
      'the processor has no cache allocation',
    ],
    ['no bandwidth allocation', L2_ONLY, {}, bandwidth(50), 'unsupported', 'no memory bandwidth allocation'],
    ['below min_cbm_bits', INTEL, {}, ways(1), 'out-of-range', 'expected 2 to 20 ways'],
    ['mask 0', INTEL, {}, ways(0), 'out-of-range', 'expected 2 to 20 ways'],
    ['more ways than there are', INTEL, {}, ways(21), 'out-of-range', 'expected 2 to 20 ways'],
    ['bandwidth below the least', INTEL, {}, bandwidth(5), 'out-of-range', 'expected 10 to 100 percent'],
    ['bandwidth that would be rounded', INTEL, {}, bandwidth(55), 'out-of-range', 'a multiple of 10'],
    ['more bandwidth than there is', AMD, {}, bandwidth(2049), 'out-of-range', 'expected 1 to 2048'],
    [
      'mba_MBps',
      INTEL,
      { '/proc/self/mountinfo': '40 24 0:35 / /sys/fs/resctrl rw - resctrl resctrl rw,mba_MBps\n' },
      bandwidth(50),
      'unsupported',
      'mba_MBps',
    ],
    [
      'a foreign group',
      INTEL,
      { [`${MOUNT}/kube/tasks`]: '100\n', [`${MOUNT}/kube/schemata`]: 'L3:0=f;2=f\n' },
      ways(4),
      'not-allowed',
      '"kube", which is not Sage\'s',
    ],
    [
      'no group left',
      { ...INTEL, info: { ...INTEL.info, L3: { ...INTEL.info.L3, num_closids: '1' } } },
      {},
      ways(4),
      'unsupported',
      'all 1 resctrl groups',
    ],
    [
      'a co-runner off the list',
      INTEL,
      { '/proc/200/cmdline': 'other\0' },
      limit('llc', 200),
      'not-allowed',
      'co_runners.allow',
    ],
  ] as const) {
    it(`refuses: ${what}`, async () => {
      const keeper = start((processor ?? INTEL) as Processor, { tree });
      if (processor === undefined) {
        node.remove();
        node = new Node(processFiles(100, '0'));
      }
      const used = processor === undefined ? keeperWith(node.system()) : keeper;
      const before = processor === undefined ? {} : snapshot();
      const answer = await used.submit(request('c1', action));
      expect(answer.reason, answer.outcome.message).to.equal(reason);
      expect(answer.outcome.message).to.include(text);
      if (processor !== undefined) expect(snapshot()).to.deep.equal(before);
    });
  }

  it('refuses where files are read-only, and where somebody else holds the lock', async () => {
    start(INTEL);
    const readOnly = keeperWith(resctrlSystem(node, INTEL, { writable: () => false }));
    expect((await readOnly.submit(request('c1', ways(4)))).outcome.message).to.include(
      'not writable by the agent',
    );
    const locked = keeperWith(
      resctrlSystem(node, INTEL, { lock: async () => failure('busy', 'locked by another program') }),
    );
    expect((await locked.submit(request('c2', ways(4)))).reason).to.equal('busy');
    expect(schemata()).to.equal(undefined);
  });

  it('holds the lock on the mount point while it changes anything, and only then', async () => {
    start(INTEL);
    const isFree = () => spawnSync('flock', ['--nonblock', join(node.root, MOUNT), 'true']).status === 0;
    const free: boolean[] = [];
    const good = resctrlSystem(node, INTEL);
    const system = resctrlSystem(node, INTEL, {
      lock: node.system().lock,
      write: (path, text) => {
        free.push(isFree());
        good.write(path, text);
      },
      removeDirectory: (path) => {
        free.push(isFree());
        good.removeDirectory(path);
      },
    });
    const keeper = keeperWith(system);
    await keeper.submit(request('c1', ways(4)));
    expect([free, isFree()]).to.deep.equal([[false], true]);
    await keeper.release('c1');
    expect([free.includes(true), isFree()]).to.deep.equal([false, true]);

    const holder = spawn('flock', [join(node.root, MOUNT), 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    holder.stdin.write('held\n');
    await once(holder.stdout, 'data');
    const answer = await keeper.submit(request('c2', ways(4)));
    expect([answer.reason, schemata()]).to.deep.equal(['busy', undefined]);
    holder.stdin.end();
    await once(holder, 'exit');
  }).timeout(10_000);

  it('tries again where mkdir is busy, and says plainly that no group is left', async () => {
    start(INTEL);
    for (const [code, times, status, text] of [
      ['EBUSY', 3, 'applied', ''],
      ['EBUSY', 99, 'failed', 'EBUSY'],
      ['ENOSPC', 99, 'failed', "no group left: the processor's are all taken"],
    ] as const) {
      let left: number = times;
      const good = resctrlSystem(node, INTEL);
      const system = resctrlSystem(node, INTEL, {
        makeDirectory: (path) => {
          if (left-- > 0) throw Object.assign(new Error(code), { code });
          good.makeDirectory(path);
        },
      });
      const keeper = keeperWith(system);
      const { outcome } = await keeper.submit(request(`c${times}${code}`, ways(4)));
      expect([outcome.status, outcome.message.includes(text)]).to.deep.equal([status, true]);
      await keeper.release(outcome.id);
      expect(schemata()).to.equal(undefined);
    }
  });

  it('says what the kernel says, and rolls back', async () => {
    start(INTEL);
    const before = snapshot();
    const system = resctrlSystem(node, INTEL, {
      write: (path) => {
        node.put(`${MOUNT}/info/last_cmd_status`, 'CBM overlaps with exclusive group\n');
        throw new Error(`EINVAL: ${path}`);
      },
    });
    const { outcome } = await keeperWith(system).submit(request('c1', ways(4)));
    expect(outcome.status).to.equal('failed');
    expect(outcome.message).to.include('CBM overlaps with exclusive group');
    expect(snapshot()).to.deep.equal(before);
  });

  it('takes threads that end for no failure, and finds those that start meanwhile', async () => {
    start(INTEL);
    const good = resctrlSystem(node, INTEL);
    const system = resctrlSystem(node, INTEL, {
      append: (path, text) => {
        if (text === '101\n') {
          node.delete('/proc/100/task/101');
          node.put('/proc/100/task/102/schedstat', '1 1 1\n');
        }
        good.append(path, text);
      },
    });
    const { outcome } = await keeperWith(system).submit(request('c1', ways(4)));
    expect(outcome.status, outcome.message).to.equal('applied');
    expect(tasks()).to.equal('100\n102\n');
  });

  it('is as before after a crash at any write of any plan', async () => {
    for (const [what, actions] of [
      ['ways', [ways(4)]],
      ['ways and bandwidth', [ways(4), bandwidth(50)]],
      ['ways twice', [ways(4), ways(8)]],
      ['a co-runner', [limit('llc', 200), ways(6)]],
    ] as const) {
      let crashes = 0;
      for (let at = 0; at < 40; at++) {
        start(INTEL);
        const before = snapshot();
        const good = resctrlSystem(node, INTEL);
        let left = at;
        const mortal =
          <A extends unknown[]>(work: (...args: A) => void) =>
          (...args: A) => {
            // Dead processes do not come back to write more.
            if (left-- <= 0) throw new Error('crashed');
            work(...args);
          };
        const system = resctrlSystem(node, INTEL, {
          write: mortal(good.write),
          append: mortal(good.append),
          makeDirectory: mortal(good.makeDirectory),
          removeDirectory: mortal(good.removeDirectory),
        });
        const dying = keeperWith(system);
        for (const [index, action] of actions.entries()) await dying.submit(request(`a${index}`, action));
        const crashed = left < 0;
        await keeperWith(good).restore();
        expect(snapshot(), `${what}, crash at write ${at}`).to.deep.equal(before);
        node.remove();
        if (!crashed) break;
        crashes++;
      }
      expect(crashes, what).to.be.greaterThan(2);
    }
    start(INTEL);
  });

  it('counts cache and bandwidth of targets and co-runners in groups of its own, and removes them', async () => {
    const counters = (group: string, occupancy: string, bytes: string): Tree => ({
      [`${group}/mon_data/mon_L3_00/llc_occupancy`]: `${occupancy}\n`,
      [`${group}/mon_data/mon_L3_00/mbm_total_bytes`]: `${bytes}\n`,
      [`${group}/mon_data/mon_L3_02/llc_occupancy`]: '1000\n',
      [`${group}/mon_data/mon_L3_02/mbm_total_bytes`]: '0\n',
    });
    start(INTEL, {
      tree: { [`${MOUNT}/info/L3_MON/num_rmids`]: '160\n', [`${MOUNT}/mon_groups/sage-old/tasks`]: '' },
    });
    const put = (tree: Tree) => {
      for (const [path, text] of Object.entries(tree)) node.put(path, text);
    };
    const site = node.site(node.config(`cache_monitoring: true\n${TARGETS}`), resctrlSystem(node, INTEL));
    let nowMs = 0;
    const sampler = new Sampler(site, { clock: node.clock, monotonicMs: () => nowMs });
    const mine = `${MOUNT}/mon_groups/sage-rate`;
    const its = `${MOUNT}/mon_groups/sage-pid:200`;
    sampler.start();
    expect(node.get(`${MOUNT}/mon_groups/sage-old/tasks`)).to.equal(undefined);
    await sampler.sample();
    expect(tasks(mine)).to.equal('100\n101\n');
    const step = async (occupancy: string, bytes: string) => {
      put(counters(mine, occupancy, bytes));
      if (node.get(`${its}/tasks`) !== undefined) put(counters(its, '7000', '5000'));
      nowMs += 1000;
      await sampler.sample();
      return [
        sampler.valueOf('rate', 'llc_occupancy_bytes'),
        sampler.valueOf('rate', 'memory_bandwidth_bytes_per_second'),
      ];
    };
    await step('50000', '1000');
    expect(await step('60000', '9000')).to.deep.equal([61000, 8000]);
    expect(tasks(its)).to.equal('200\n');
    await step('60000', '9000');
    await step('60000', '9000');
    expect(sampler.usage.get(200)).to.deep.include({ llcBytes: 8000, memoryBytesPerSecond: 0 });
    // Backwards: the counter was reset. Unavailable: it is lost.
    expect(await step('Unavailable', '100')).to.deep.equal([undefined, undefined]);
    expect(await step('70000', 'Error')).to.deep.equal([71000, undefined]);
    // A change of ways takes it into a control group, which counts by itself.
    const keeper = node.keeper(site);
    await keeper.submit(request('c', ways(4)));
    put(counters(GROUP, '9000', '0'));
    nowMs += 1000;
    await sampler.sample();
    expect(sampler.valueOf('rate', 'llc_occupancy_bytes')).to.equal(10000);
    await keeper.release('c');
    await sampler.sample();
    expect(tasks(mine)).to.equal('100\n101\n');
    sampler.stop();
    expect(site.system.list(`${MOUNT}/mon_groups`)).to.deep.equal([]);
  });
});
