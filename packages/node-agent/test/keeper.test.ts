import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { type NodeAction, silentLogger } from '@sage/core';
import { expect } from 'chai';
import { Journal } from '../src/journal.js';
import { openLine, sealLine } from '../src/journal-file.js';
import { Keeper } from '../src/keeper.js';
import type { System } from '../src/system.js';
import { CGROUP_V1, Node, processFiles, quota, request, unwrap } from './fixture.js';

const QUOTA = '/sys/fs/cgroup/cpu/demo/rate/cpu.cfs_quota_us';
const CO_RUNNER =
  'targets: [{ name: rate, pids: [100], cgroup: demo/rate }]\nco_runners: { allow: ["^stress"] }';
const limit: NodeAction = { kind: 'limit-corunner', target: 'rate', pids: [200] };

describe('changes', () => {
  let node: Node;
  beforeEach(() => {
    node = new Node({ ...CGROUP_V1, ...processFiles(100, '0'), ...processFiles(200, '0', 'stress') });
  });
  afterEach(() => node.remove());

  it('writes once however often an id is sent', async () => {
    let writes = 0;
    const base = node.system();
    const write: System['write'] = (path, text) => {
      writes++;
      base.write(path, text);
    };
    const keeper = node.keeper(node.site(node.config(), { ...base, write }));
    const first = await keeper.submit(request('a', quota(0.5)));
    expect(first.outcome).to.deep.equal({
      id: 'a',
      action: quota(0.5),
      status: 'applied',
      message: 'applied and read back',
      writes: [`write "50000" to ${QUOTA} (was "20000")`],
      leaseEndsMs: node.clock.now() + 600_000,
    });
    expect(await keeper.submit(request('a', quota(0.5)))).to.deep.equal(first);
    expect(writes).to.equal(1);
    expect((await keeper.submit(request('a', quota(0.7)))).reason).to.equal('conflict');
    expect((await keeper.submit(request('b', quota(0.5)))).outcome.status).to.equal('unchanged');
    expect(writes).to.equal(1);
    expect(node.get(QUOTA)).to.equal('50000');
  });

  it('undoes when the lease ends, once', async () => {
    const keeper = node.keeper();
    await keeper.submit(request('a', quota(0.5), 10));
    node.clock.advance(9_999);
    await keeper.expire();
    expect(node.get(QUOTA)).to.equal('50000');
    node.clock.advance(1);
    await keeper.expire();
    expect(node.get(QUOTA)).to.equal('20000');
    expect(keeper.outcomes.map(({ status, message }) => [status, message])).to.deep.equal([
      ['released', 'lease ended'],
    ]);
    node.put(QUOTA, '50000');
    await keeper.release('a');
    expect(node.get(QUOTA)).to.equal('50000');
  });

  it('renews the lease when the same action is asked for again, and writes nothing', async () => {
    let writes = 0;
    const base = node.system();
    const write: System['write'] = (path, text) => {
      writes++;
      base.write(path, text);
    };
    const keeper = node.keeper(node.site(node.config(), { ...base, write }));
    const startMs = node.clock.now();
    await keeper.submit(request('a', quota(0.5), 10));
    // Seconds passed, the lease asked for then, and when it ends: a shorter one takes nothing away.
    for (const [atSeconds, leaseSeconds, endsSeconds] of [
      [8, 10, 18],
      [15, undefined, 615],
      [16, 1, 615],
      [614, 10, 624],
      [623, undefined, 1223],
    ] as const) {
      node.clock.advance(startMs + 1000 * atSeconds - node.clock.now());
      await keeper.expire();
      const { outcome } = await keeper.submit(request('a', quota(0.5), leaseSeconds));
      expect(outcome, `at ${atSeconds} s`).to.include({
        status: 'applied',
        leaseEndsMs: startMs + 1000 * endsSeconds,
      });
      expect(node.get(QUOTA)).to.equal('50000');
    }
    expect(writes).to.equal(1);
    expect(keeper.counts.get('cpu-quota applied')).to.equal(1);
    expect(keeper.outcomes[0]?.leaseEndsMs).to.equal(startMs + 1_223_000);
    expect(unwrap(Journal.open(node.journalPath)).journal.held[0]?.leaseEndsMs).to.equal(startMs + 1_223_000);

    node.clock.advance(600_000);
    await keeper.expire();
    expect(node.get(QUOTA)).to.equal('20000');
    expect((await keeper.submit(request('a', quota(0.5)))).outcome.status).to.equal('released');
  });

  it('says so when a renewal cannot be written down, and keeps the lease as it was', async () => {
    const { journal } = unwrap(Journal.open(node.journalPath));
    const keeper = new Keeper(node.site(), journal, { clock: node.clock, logger: silentLogger });
    const { outcome } = await keeper.submit(request('a', quota(0.5), 10));
    journal.close();
    node.clock.advance(5_000);
    const again = await keeper.submit(request('a', quota(0.5), 10));
    expect(again.reason).to.equal('failed');
    expect(again.outcome.message).to.include('in force, but its lease was not renewed: the journal');
    expect(again.outcome.leaseEndsMs).to.equal(outcome.leaseEndsMs);
  });

  it('lets a later action take over, and then restores what was before both', async () => {
    const keeper = node.keeper();
    await keeper.submit(request('a', quota(0.5)));
    await keeper.submit(request('b', quota(0.8)));
    expect((await keeper.release('a'))?.outcome.message).to.equal('taken over by b');
    expect(node.get(QUOTA)).to.equal('80000');
    await keeper.release('b');
    expect(node.get(QUOTA)).to.equal('20000');
  });

  it('leaves a knob that someone else has turned meanwhile', async () => {
    const keeper = node.keeper();
    await keeper.submit(request('a', quota(0.5)));
    node.put(QUOTA, '99000\n');
    const released = await keeper.release('a');
    expect(released?.outcome.writes).to.deep.equal([`${QUOTA} reads "99000", written by someone else: left`]);
    expect(node.get(QUOTA)).to.equal('99000\n');
  });

  it('does nothing in a dry run but says what it would do', async () => {
    const keeper = node.keeper(node.site(node.config(CO_RUNNER, true)));
    const answers = [
      await keeper.submit(request('a', quota(0.5))),
      await keeper.submit(request('b', limit)),
      await keeper.submit(request('c', quota(0.2))),
    ];
    expect(answers.map(({ outcome }) => outcome.status)).to.deep.equal(['dry-run', 'dry-run', 'unchanged']);
    expect(answers[0]?.outcome.writes).to.deep.equal([`write "50000" to ${QUOTA} (was "20000")`]);
    expect(answers[1]?.outcome.writes[0]).to.match(
      /^mkdir \/sys\/fs\/cgroup\/cpu\/sage-limited-[0-9a-f]{8}$/,
    );
    expect(node.get(QUOTA)).to.equal('20000\n');
    expect(readFileSync(node.journalPath, 'utf8')).to.equal('');
  });

  it('limits a co-runner in a group of its own and moves it back', async () => {
    const keeper = node.keeper(node.site(node.config(CO_RUNNER)));
    const { outcome } = await keeper.submit(request('a', limit));
    expect(outcome.status, outcome.message).to.equal('applied');
    const group = /mkdir (\S+)/.exec(outcome.writes[0] as string)?.[1] as string;
    expect([node.get(`${group}/cpu.cfs_quota_us`), node.get(`${group}/cgroup.procs`)]).to.deep.equal([
      '5000',
      '200\n',
    ]);
    const again = await keeper.submit(request('b', limit));
    expect(again.outcome.status).to.equal('unchanged');
    await keeper.release('a');
    expect(node.get(`${group}/cgroup.procs`)).to.equal(undefined);
    expect(node.get('/sys/fs/cgroup/cpu/demo/rate/cgroup.procs')).to.equal('100\n200\n200\n');
  });

  for (const [what, action, reason, text] of [
    ['an unknown target', quota(1, 'other'), 'unknown-target', 'expected one of rate'],
    ['a quota above the ceiling', quota(1.5), 'out-of-range', 'expected 0.05 to 1 cores'],
    ['a quota below the floor', quota(0.01), 'out-of-range', 'expected 0.05 to 1 cores'],
    ['a process of a target', { ...limit, pids: [100] }, 'not-allowed', 'belongs to a target'],
    ['the agent itself', { ...limit, pids: [1] }, 'not-allowed', 'agent itself'],
    ['a process that is not there', { ...limit, pids: [999] }, 'not-allowed', 'does not exist'],
    ['a process off the allow-list', { ...limit, pids: [300] }, 'not-allowed', 'matches no co_runners.allow'],
    ['a process elsewhere', { ...limit, pids: [400] }, 'not-allowed', 'does not share with rate'],
    [
      'a link that is not configured',
      { kind: 'link-rate', target: 'rate', mbitPerSecond: 1 },
      'unsupported',
      'no link',
    ],
    [
      'a relay that is not configured',
      { kind: 'link-delay', target: 'rate', delayMs: 0 },
      'unsupported',
      'no relay',
    ],
    [
      'pools that are not configured',
      { kind: 'pool-size', target: 'rate', pool: 'p', size: 2 },
      'unsupported',
      'no pools_url',
    ],
  ] as const) {
    it(`refuses ${what}`, async () => {
      node.put(
        '/proc/300/stat',
        '300 (sshd) S 1 1 1 0 -1 4194304 99 0 3 0 150 50 0 0 20 0 11 0 4242 3133440 393 0\n',
      );
      node.put('/proc/300/cmdline', 'sshd\0');
      for (const [path, file] of Object.entries(processFiles(400, '1', 'stress', '/else')))
        node.put(path, file);
      const keeper = node.keeper(node.site(node.config(CO_RUNNER)));
      const answer = await keeper.submit(request('a', action as NodeAction));
      expect(answer.outcome.status).to.equal('refused');
      expect(answer.reason).to.equal(reason);
      expect(answer.outcome.message).to.include(text);
    });
  }
});

describe('the journal', () => {
  let node: Node;
  beforeEach(() => {
    node = new Node({ ...CGROUP_V1, ...processFiles(100, '0'), ...processFiles(200, '0', 'stress') });
  });
  afterEach(() => node.remove());

  // Effects of limit-corunner in order: mkdir, quota, move. The crash comes before the first, second… of them.
  for (const survived of [0, 1, 2, 3]) {
    it(`restores after a crash with ${survived} of 3 effects done`, async () => {
      const base = node.system();
      let effects = 0;
      class Crash extends Error {}
      const guarded =
        <A extends unknown[]>(effect: (...args: A) => void) =>
        (...args: A) => {
          // Nothing works after the crash: neither further effects nor a roll-back.
          if (effects++ >= survived) throw new Crash('crash');
          effect(...args);
        };
      const system: System = {
        ...base,
        write: guarded(base.write),
        append: guarded(base.append),
        makeDirectory: guarded(base.makeDirectory),
        removeDirectory: () => {
          throw new Crash('crash');
        },
      };
      const site = node.site(node.config(CO_RUNNER), system);
      const { journal } = unwrap(Journal.open(node.journalPath));
      // A process that is killed closes nothing in its journal.
      const dead = new Keeper(
        site,
        {
          held: [],
          closed: [],
          recordOpen: (entry) => journal.recordOpen(entry),
          recordClose: () => ({ ok: true, value: undefined }),
          close: () => {},
        },
        { clock: node.clock, logger: silentLogger },
      );
      await dead.submit(request('a', limit));

      const keeper = node.keeper(node.site(node.config(CO_RUNNER)));
      await keeper.restore();
      const group = /"path":"([^"]*sage-limited-[0-9a-f]{8})"/.exec(
        readFileSync(node.journalPath, 'utf8'),
      )?.[1];
      expect(node.get(`${group}/cpu.cfs_quota_us`)).to.equal(undefined);
      expect(keeper.outcomes.map(({ id, status }) => [id, status])).to.deep.equal([['a', 'released']]);
      const procs = node.get('/sys/fs/cgroup/cpu/demo/rate/cgroup.procs') ?? '';
      expect(procs.includes('200')).to.equal(survived === 3);
      // And once more: nothing is left to undo.
      const third = node.keeper();
      await third.restore();
      expect(third.outcomes.map(({ status }) => status)).to.deep.equal(['released']);
      expect((await third.submit(request('a', limit))).outcome.status).to.equal('released');
    });
  }

  it('restores a value after kill -9, also when the last line is cut off', async () => {
    await node.keeper().submit(request('a', quota(0.5)));
    appendFileSync(node.journalPath, '{"type":"open","id":"b","act');
    expect(node.get(QUOTA)).to.equal('50000');
    const keeper = node.keeper();
    await keeper.restore();
    expect(node.get(QUOTA)).to.equal('20000');
  });

  it('restores the first value when the crash comes in the middle of a take-over', async () => {
    await node.keeper().submit(request('a', quota(0.5)));
    const lines = readFileSync(node.journalPath, 'utf8');
    const open = JSON.parse(openLine(lines.trim()) ?? '') as { steps: { value: string }[] };
    const second = { ...open, id: 'b', steps: [{ ...open.steps[0], value: '80000' }] };
    for (const value of ['50000', '80000']) {
      writeFileSync(node.journalPath, `${lines}${sealLine(JSON.stringify(second))}\n`);
      node.put(QUOTA, value);
      await node.keeper().restore();
      expect(node.get(QUOTA)).to.equal('20000');
    }
  });

  it('refuses to change anything it cannot write down', async () => {
    const { journal } = unwrap(Journal.open(node.journalPath));
    journal.close();
    const keeper = new Keeper(node.site(), journal, { clock: node.clock, logger: silentLogger });
    const { outcome } = await keeper.submit(request('a', quota(0.5)));
    expect(outcome.status).to.equal('failed');
    expect(outcome.message).to.include('the journal');
    expect(node.get(QUOTA)).to.equal('20000\n');
  });

  it('counts damaged lines and keeps the rest', async () => {
    await node.keeper().submit(request('a', quota(0.5)));
    writeFileSync(
      node.journalPath,
      `garbage\n${sealLine('{"type":"open","id":"x","steps":[{"op":"rm"}]}')}\n${readFileSync(node.journalPath, 'utf8')}`,
    );
    const opened = unwrap(Journal.open(node.journalPath));
    expect(opened.damagedLines).to.equal(2);
    expect(opened.journal.held.map(({ id }) => id)).to.deep.equal(['a']);
  });

  it('tries an undo again that failed', async () => {
    const base = node.system();
    let broken = false;
    const write: System['write'] = (path, text) => {
      if (broken) throw new Error('EIO');
      base.write(path, text);
    };
    const keeper = node.keeper(node.site(node.config(), { ...base, write }));
    await keeper.submit(request('a', quota(0.5)));
    broken = true;
    expect((await keeper.release('a'))?.outcome.message).to.include('not undone yet');
    expect((await keeper.close()).ok).to.equal(false);
    broken = false;
    const next = node.keeper();
    await next.restore();
    expect(node.get(QUOTA)).to.equal('20000');
  });
});
