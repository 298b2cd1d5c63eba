import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, systemClock } from '@sage/core';
import { expect } from 'chai';
import { readProcessStat } from '../src/procfs/process.js';
import { Sampler } from '../src/sampling/sampler.js';
import { createSystem, type System } from '../src/system.js';
import { readTargetState } from '../src/target-state.js';
import { Node, quota, request } from './fixture.js';

const CPU = '/sys/fs/cgroup/cpu';
const NAME = `sage-test-${process.pid}`;
const BUSY = ['-e', 'for (;;) {}', 'sage-test-burner'];

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Root and namespaces are what a CI machine may lack, too: a line says what was not tested. */
function skip(test: Mocha.Context, why: string): never {
  process.stdout.write(`      skipped: ${why}\n`);
  return test.skip();
}

/** The real node, and a journal in a folder of the test. */
function realSystem(overrides: Partial<System> = {}): System {
  return { ...createSystem({ sysRoot: '/', fetch }), ...overrides };
}

describe('on this machine', function () {
  this.timeout(60_000);
  const children: ChildProcess[] = [];
  const node = new Node({});
  const burn = () => {
    const child = spawn(process.execPath, BUSY, { stdio: 'ignore' });
    children.push(child);
    return child.pid as number;
  };
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
  });
  after(() => node.remove());

  it('stops a real co-runner where there is no cpu controller, and lets it go on', async () => {
    const target = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    children.push(target);
    const burner = burn();
    const read = realSystem().read;
    const system = realSystem({
      read: (path) => (/^\/proc\/(1|self)\/mountinfo$/.test(path) ? '' : read(path)),
    });
    const config = (suspend: boolean) =>
      node.config(
        `targets: [{ name: rate, pids: [${target.pid}] }]\nco_runners: { allow: [sage-test-burner], suspend: ${suspend} }`,
      );
    const action = { kind: 'limit-corunner', target: 'rate', pids: [burner] } as const;
    await sleep(50);
    const refused = await node.keeper(node.site(config(false), system)).submit(request('a', action));
    expect(refused.outcome.message).to.include('co_runners.suspend is false');

    const site = node.site(config(true), system);
    const sampler = new Sampler(site, { clock: systemClock, monotonicMs: () => performance.now() });
    await sampler.sample();
    await sleep(300);
    await sampler.sample();
    const state = await readTargetState(site, site.config.targets[0] as never, sampler);
    expect(state.coRunners?.map(({ pid }) => pid)).to.deep.equal([burner]);

    const keeper = node.keeper(site);
    expect((await keeper.submit(request('b', action))).outcome.status).to.equal('applied');
    await sleep(20);
    expect(readProcessStat(system, burner)?.state).to.equal('T');
    await keeper.release('b');
    await sleep(20);
    expect(readProcessStat(system, burner)?.state).to.not.equal('T');
  });

  it('raises a real quota, limits a real neighbour, and puts both back', async function () {
    if (!canWrite(`${CPU}/cgroup.procs`)) skip(this, `needs root and a cgroup v1 cpu controller at ${CPU}`);
    const group = `${CPU}/${NAME}`;
    mkdirSync(group);
    try {
      writeFileSync(`${group}/cpu.cfs_quota_us`, '10000');
      const [target, burner] = [burn(), burn()] as const;
      for (const pid of [target, burner]) writeFileSync(`${group}/cgroup.procs`, String(pid));
      const site = node.site(
        node.config(
          `targets: [{ name: rate, pids: [${target}], cgroup: ${NAME} }]\nco_runners: { allow: [sage-test-burner] }`,
        ),
        realSystem(),
      );
      const sampler = new Sampler(site, { clock: systemClock, monotonicMs: () => performance.now() });
      await sampler.sample();
      await sleep(500);
      await sampler.sample();
      expect(sampler.valueOf('rate', 'cpu_throttled_ratio')).to.be.greaterThan(0.1);

      const keeper = node.keeper(site);
      const limit = { kind: 'limit-corunner', target: 'rate', pids: [burner] } as const;
      for (const [id, action] of [
        ['q', quota(0.5)],
        ['l', limit],
      ] as const) {
        const { outcome } = await keeper.submit(request(id, action));
        expect(outcome.status, outcome.message).to.equal('applied');
      }
      expect(readFileSync(`${group}/cpu.cfs_quota_us`, 'utf8')).to.equal('50000\n');
      expect(readFileSync(`${group}/cgroup.procs`, 'utf8')).to.equal(`${target}\n`);
      expect(readFileSync(`/proc/${burner}/cgroup`, 'utf8')).to.match(/:cpu:\/sage-limited-[0-9a-f]{8}\n/);
      expect((await keeper.close()).ok).to.equal(true);
      expect(readFileSync(`${group}/cpu.cfs_quota_us`, 'utf8')).to.equal('10000\n');
      expect(readFileSync(`${group}/cgroup.procs`, 'utf8').trim().split('\n').map(Number)).to.have.members([
        target,
        burner,
      ]);
    } finally {
      // The group cannot go before its processes have.
      for (const child of children) child.kill('SIGKILL');
      await sleep(200);
      rmdirSync(group);
    }
  });

  it('changes a real HTB class and gives it back as it was, to the byte', async function () {
    const ip = (...args: string[]) =>
      execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      ip('netns', 'add', NAME);
    } catch (error) {
      skip(this, `needs root, ip and network namespaces: ${errorMessage(error).trim()}`);
    }
    try {
      const inside = (...args: string[]) => ip('netns', 'exec', NAME, ...args);
      const tc = (...args: string[]) => inside('tc', ...args);
      inside('ip', 'link', 'add', 'va', 'type', 'veth', 'peer', 'name', 'vb');
      tc('qdisc', 'add', 'dev', 'va', 'root', 'handle', '1:', 'htb', 'default', '10');
      tc('class', 'add', 'dev', 'va', 'parent', '1:', 'classid', '1:1', 'htb', 'rate', '1gbit');
      tc(
        'class',
        'add',
        'dev',
        'va',
        'parent',
        '1:1',
        'classid',
        '1:10',
        'htb',
        'rate',
        '3mbit',
        'ceil',
        '4mbit',
        'prio',
        '3',
      );
      tc(
        'qdisc',
        'add',
        'dev',
        'vb',
        'root',
        'handle',
        '1:',
        'tbf',
        'rate',
        '1mbit',
        'burst',
        '10kb',
        'limit',
        '10kb',
      );
      const before = tc('-d', 'class', 'show', 'dev', 'va');

      const run = realSystem().run;
      const system = realSystem({
        run: (program, args) => run('ip', ['netns', 'exec', NAME, program, ...args]),
      });
      const link = (device: string, classid = '1:10') =>
        `link: { device: ${device}, classid: "${classid}", max_mbit: 100 }`;
      const config = node.config(
        `targets: [{ name: rate, pids: [100], ${link('va')} }, { name: foreign, pids: [101], ${link('vb')} }, ` +
          `{ name: absent, pids: [102], ${link('va', '1:77')} }]`,
      );
      const keeper = node.keeper(node.site(config, system));
      const rate = (target: string, mbitPerSecond: number) =>
        ({ kind: 'link-rate', target, mbitPerSecond }) as const;
      const { outcome } = await keeper.submit(request('r', rate('rate', 50)));
      expect(outcome.status, outcome.message).to.equal('applied');
      expect(tc('class', 'show', 'dev', 'va')).to.match(/1:10 parent 1:1 .*prio 3 rate 50Mbit ceil 50Mbit/);
      const foreign = await keeper.submit(request('f', rate('foreign', 50)));
      expect([foreign.reason, foreign.outcome.message]).to.deep.equal([
        'not-allowed',
        'vb has a root qdisc tbf 1:: expected htb 1:, others are not ours to change',
      ]);
      expect((await keeper.submit(request('n', rate('absent', 50)))).reason).to.equal('unsupported');
      expect((await keeper.submit(request('m', rate('rate', 500)))).reason).to.equal('out-of-range');
      await keeper.release('r');
      expect(tc('-d', 'class', 'show', 'dev', 'va')).to.equal(before);
    } finally {
      ip('netns', 'del', NAME);
    }
  });
});
