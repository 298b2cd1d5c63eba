import { rmSync, writeFileSync } from 'node:fs';
import { type NodeAction, silentLogger } from '@sage/core';
import { expect } from 'chai';
import { Journal } from '../src/journal.js';
import { Keeper } from '../src/keeper.js';
import { takeLock } from '../src/lock.js';
import type { System } from '../src/system.js';
import { CGROUP_V1, Node, processFiles, quota, request, type Tree, unwrap } from './fixture.js';

const QUOTA = '/sys/fs/cgroup/cpu/demo/rate/cpu.cfs_quota_us';
const TARGETS = 'targets: [{ name: rate, pids: [100], cgroup: demo/rate }]\n';
const CO_RUNNERS = 'co_runners: { allow: ["^stress"] }\n';
const limit: NodeAction = { kind: 'limit-corunner', target: 'rate', pids: [200] };

describe('what keeps the node safe', () => {
  let node: Node;
  let written: string[];
  const keeperOf = (yaml: string, overrides: Partial<System> = {}): Keeper => {
    written = [];
    const base = node.system();
    const write: System['write'] = (path, text) => {
      written.push(text);
      base.write(path, text);
    };
    return node.keeper(node.site(node.config(TARGETS + yaml), { ...base, write, ...overrides }));
  };
  const tree: Tree = { ...CGROUP_V1, ...processFiles(100, '0'), ...processFiles(200, '0', 'stress') };
  beforeEach(() => {
    node = new Node(tree);
  });
  afterEach(() => node.remove());

  describe('drift', () => {
    const DRIFT = 'drift: { give_up_after: 3, within_seconds: 60 }\n';

    it('is repaired, and undoing brings back what the other has written', async () => {
      const keeper = keeperOf(DRIFT);
      await keeper.submit(request('a', quota(0.5)));
      await keeper.reconcile();
      expect(written).to.deep.equal(['50000']);
      node.put(QUOTA, '33000\n');
      await keeper.reconcile();
      expect(node.get(QUOTA)).to.equal('50000');
      expect(keeper.driftCounts.found).to.deep.equal(new Map([['cpu-quota', 1]]));
      await keeper.release('a');
      expect(node.get(QUOTA)).to.equal('33000');
    });

    it('is repaired after kill -9 in between, too', async () => {
      const keeper = keeperOf(DRIFT);
      await keeper.submit(request('a', quota(0.5)));
      node.put(QUOTA, '33000\n');
      await keeper.reconcile();
      const next = node.keeper();
      await next.restore();
      expect(node.get(QUOTA)).to.equal('33000');
    });

    it('that goes on is given up, reported, and the knob left alone for a while', async () => {
      const keeper = keeperOf(DRIFT);
      await keeper.submit(request('a', quota(0.5)));
      for (let i = 0; i < 4; i++) {
        node.put(QUOTA, `3${i}000\n`);
        node.clock.advance(10_000);
        await keeper.reconcile();
      }
      expect(node.get(QUOTA)).to.equal('33000');
      const [outcome] = keeper.outcomes;
      expect(outcome?.status).to.equal('failed');
      expect(outcome?.message).to.include(
        `given up: somebody else keeps turning this knob; ${QUOTA} reads "33000"`,
      );
      expect(keeper.driftCounts.givenUp).to.deep.equal(new Map([['cpu-quota', 1]]));
      const again = await keeper.submit(request('a', quota(0.5)));
      expect([again.reason, again.outcome.message]).to.deep.equal([
        'conflict',
        'somebody else keeps turning this knob: it is left to them for 60 s more',
      ]);
      node.clock.advance(60_000);
      expect((await keeper.submit(request('a', quota(0.5)))).outcome.status).to.equal('applied');
    });

    it('now and then is repaired for ever', async () => {
      const keeper = keeperOf(DRIFT);
      await keeper.submit(request('a', quota(0.5), 86_400));
      for (let i = 0; i < 10; i++) {
        node.put(QUOTA, '33000\n');
        node.clock.advance(25_000);
        await keeper.reconcile();
        expect(node.get(QUOTA)).to.equal('50000');
      }
      expect(keeper.driftCounts.givenUp.size).to.equal(0);
    });

    it('is not repaired where it cannot be written down', async () => {
      const { journal } = unwrap(Journal.open(node.journalPath));
      const keeper = new Keeper(node.site(), journal, { clock: node.clock, logger: silentLogger });
      await keeper.submit(request('a', quota(0.5)));
      node.put(QUOTA, '33000\n');
      journal.close();
      await keeper.reconcile();
      expect(node.get(QUOTA)).to.equal('33000\n');
    });

    it('of a process that left its group is repaired', async () => {
      const keeper = keeperOf(CO_RUNNERS);
      const { outcome } = await keeper.submit(request('a', limit));
      const group = outcome.writes[0]?.replace('mkdir ', '');
      node.put(`${group}/cgroup.procs`, '');
      await keeper.reconcile();
      expect(node.get(`${group}/cgroup.procs`)).to.equal('200\n');
    });

    it('of a whole group that was removed is repaired', async () => {
      const keeper = keeperOf(CO_RUNNERS);
      const { outcome } = await keeper.submit(request('a', limit));
      const group = outcome.writes[0]?.replace('mkdir ', '');
      rmSync(`${node.root}${group}`, { recursive: true });
      await keeper.reconcile();
      expect(node.get(`${group}/cgroup.procs`)).to.equal('200\n');
      expect(node.get(`${group}/cpu.cfs_quota_us`)).to.equal('5000');
      await keeper.release('a');
      expect(node.get(`${group}/cgroup.procs`)).to.equal(undefined);
    });

    it('of a process that has ended is none', async () => {
      const keeper = keeperOf(CO_RUNNERS);
      const { outcome } = await keeper.submit(request('a', limit));
      const group = outcome.writes[0]?.replace('mkdir ', '');
      node.put(`${group}/cgroup.procs`, '');
      rmSync(`${node.root}/proc/200`, { recursive: true });
      await keeper.reconcile();
      expect(keeper.driftCounts.found.size).to.equal(0);
    });
  });

  describe('the kill switch', () => {
    it('as a file undoes everything and refuses everything, also after a restart', async () => {
      const keeper = keeperOf('');
      await keeper.submit(request('a', quota(0.5)));
      const path = `${node.journalPath}.kill`;
      writeFileSync(path, '');
      await keeper.expire();
      expect(node.get(QUOTA)).to.equal('20000');
      expect(keeper.outcomes[0]?.message).to.equal('released: the kill switch is on');
      for (const each of [keeper, keeperOf('')]) {
        await each.restore();
        const refused = await each.submit(request('b', quota(0.5)));
        expect([refused.reason, refused.outcome.message]).to.deep.equal([
          'killed',
          `the kill switch is on: remove ${path} on the node to allow changes again`,
        ]);
      }
      expect(node.get(QUOTA)).to.equal('20000');
      rmSync(path);
      expect((await keeper.submit(request('b', quota(0.5)))).outcome.status).to.equal('applied');
    });

    it('grants no more time to what it is about to undo', async () => {
      const keeper = keeperOf('');
      await keeper.submit(request('a', quota(0.5), 10));
      writeFileSync(`${node.journalPath}.kill`, '');
      node.clock.advance(1000);
      expect((await keeper.submit(request('a', quota(0.5), 10))).reason).to.equal('killed');
    });

    it('counts as on where nobody can look', async () => {
      const keeper = keeperOf(`kill_switch: ${node.root}/token/kill\n`);
      node.put('/token', 'a file, not a folder');
      const refused = await keeper.submit(request('a', quota(0.5)));
      expect(refused.reason).to.equal('killed');
      expect(refused.outcome.message).to.include('which counts as on: ENOTDIR');
      expect(written).to.deep.equal([]);
    });

    it('turned on by request stays on, and says by whom', async () => {
      const keeper = keeperOf('');
      await keeper.submit(request('a', quota(0.5)));
      unwrap(await keeper.kill('asked for by the test'));
      expect(node.get(QUOTA)).to.equal('20000');
      expect(node.get('/journal.jsonl.kill')).to.equal('asked for by the test\n');
      expect(keeper.isKilled).to.equal(true);
    });
  });

  describe('limits', () => {
    for (const [what, yaml, action, reason, text] of [
      [
        'a kind that is not allowed',
        'limits: { actions: [llc-ways] }\n',
        quota(0.5),
        'not-allowed',
        'expected one of llc-ways',
      ],
      [
        'a value below its floor',
        'limits: { bounds: { cpu-quota: { min: 0.4 } } }\n',
        quota(0.3),
        'out-of-range',
        'cpu quota 0.3 cores: expected at least 0.4',
      ],
      [
        'a value above its ceiling',
        'limits: { bounds: { cpu-quota: { min: 0.1, max: 0.4 } } }\n',
        quota(0.5),
        'out-of-range',
        'expected at least 0.1 and at most 0.4',
      ],
      [
        'more processes than allowed',
        `${CO_RUNNERS}limits: { bounds: { limit-corunner: { max: 1 } } }\n`,
        { ...limit, pids: [200, 201] },
        'out-of-range',
        'co-runners 2 processes',
      ],
      [
        'no number at all',
        'limits: { bounds: { cpu-quota: { max: 1 } } }\n',
        quota(Number.NaN),
        'out-of-range',
        'NaN',
      ],
    ] as const) {
      it(`refuse ${what}`, async () => {
        const keeper = keeperOf(yaml);
        const { reason: given, outcome } = await keeper.submit(request('a', action as NodeAction));
        expect([given, outcome.status]).to.deep.equal([reason, 'refused']);
        expect(outcome.message).to.include(text);
        expect(written).to.deep.equal([]);
      });
    }

    it('hold the rate of changes, not of undoing', async () => {
      const keeper = keeperOf('limits: { changes_per_minute: 2 }\n');
      for (const cores of [0.3, 0.4]) await keeper.submit(request(`q${cores}`, quota(cores)));
      node.clock.advance(20_000);
      const refused = await keeper.submit(request('c', quota(0.5)));
      expect(refused).to.deep.include({ reason: 'rate', retryAfterSeconds: 40 });
      // What is in force already is no change.
      expect((await keeper.submit(request('q0.4', quota(0.4)))).outcome.status).to.equal('applied');
      await keeper.release('q0.4');
      expect(node.get(QUOTA)).to.equal('20000');
      node.clock.advance(40_000);
      expect((await keeper.submit(request('c', quota(0.5)))).outcome.status).to.equal('applied');
    });

    it('hold the number of changes in force, but not of take-overs', async () => {
      const keeper = keeperOf(`${CO_RUNNERS}limits: { changes_in_force: 1 }\n`);
      await keeper.submit(request('a', quota(0.5)));
      expect((await keeper.submit(request('b', limit))).outcome.message).to.equal(
        '1 changes are in force already',
      );
      expect((await keeper.submit(request('c', quota(0.6)))).outcome.status).to.equal('applied');
    });

    it('let one knob have one owner', async () => {
      const two =
        'targets: [{ name: rate, pids: [100], cgroup: demo/rate }, { name: twin, pids: [100], cgroup: demo/rate }]';
      const keeper = node.keeper(node.site(node.config(two)));
      await keeper.submit(request('a', quota(0.5)));
      const second = await keeper.submit(request('b', quota(0.8, 'twin')));
      expect([second.reason, second.outcome.message]).to.deep.equal([
        'conflict',
        'a holds the same knob for rate: release it first',
      ]);
    });
  });

  it('an undo leaves what depends on a value that could not be put back', async () => {
    const directory = '/sys/devices/system/cpu/cpufreq/policy0';
    for (const [file, text] of Object.entries({
      affected_cpus: '0\n',
      cpuinfo_min_freq: '800000\n',
      cpuinfo_max_freq: '3600000\n',
      scaling_governor: 'schedutil\n',
      scaling_min_freq: '800000\n',
      scaling_max_freq: '1600000\n',
    })) {
      node.put(`${directory}/${file}`, text);
    }
    const base = node.system();
    const log: string[] = [];
    let broken = false;
    const keeper = keeperOf('', {
      write(path, text) {
        log.push(`${path.slice(directory.length + 1)}=${text}`);
        if (broken) throw new Error('EIO');
        base.write(path, text);
      },
    });
    await keeper.submit(request('f', { kind: 'cpu-frequency', target: 'rate', minKhz: 2_400_000 }));
    broken = true;
    await keeper.release('f');
    broken = false;
    node.clock.advance(5000);
    await keeper.expire();
    expect(log.slice(2)).to.deep.equal([
      'scaling_min_freq=800000',
      'scaling_min_freq=800000',
      'scaling_max_freq=1600000',
    ]);
  });

  it('a lease ends when the clock is set back, because nobody knows how long it has lasted', async () => {
    const keeper = keeperOf('');
    await keeper.submit(request('a', quota(0.5), 600));
    node.clock.advance(-59_000);
    await keeper.expire();
    expect(node.get(QUOTA)).to.equal('50000');
    node.clock.advance(-2_000);
    await keeper.expire();
    expect(node.get(QUOTA)).to.equal('20000');
  });

  it('a second holder of the lock is told who the first is, until that ends', () => {
    const path = `${node.root}/lock`;
    const first = unwrap(takeLock(path, 4242));
    const second = takeLock(path, 4243);
    expect(second.ok ? '' : second.message).to.equal(`the node agent with process 4242 holds ${path}`);
    first.release();
    first.release();
    unwrap(takeLock(path, 4243)).release();
    const nowhere = takeLock('/nowhere/lock', 1);
    expect(nowhere.ok ? '' : nowhere.message).to.include('the lock /nowhere/lock cannot be opened: ENOENT');
  });
});
