import { errorMessage, failure, type LinkDirection, type NodeAction, success } from '@sage/core';
import { expect } from 'chai';
import type { Keeper } from '../src/keeper.js';
import { LinkQueues } from '../src/sampling/link-queues.js';
import { Sampler } from '../src/sampling/sampler.js';
import type { System } from '../src/system.js';
import { readTargetState } from '../src/target-state.js';
import { Node, request } from './fixture.js';
import { NetworkLab } from './network-lab.js';

const SECONDS = 3;

const rate = (target: string, mbitPerSecond: number, direction?: LinkDirection): NodeAction => ({
  kind: 'link-rate',
  target,
  mbitPerSecond,
  ...(direction === undefined ? {} : { direction }),
});

describe('links of containers, between network namespaces', function () {
  this.timeout(120_000);
  const lab = new NetworkLab(`sage-test-${process.pid}`);
  let node: Node;
  let untouched: string;
  let keeper: Keeper | undefined;

  before(async function () {
    try {
      await lab.build();
    } catch (error) {
      await lab.remove();
      if (process.env.CI !== undefined) throw error;
      process.stdout.write(
        `      skipped: needs root, ip and network namespaces: ${errorMessage(error).trim()}\n`,
      );
      this.skip();
    }
    untouched = lab.snapshot();
  });
  beforeEach(() => {
    node = new Node({});
  });
  afterEach(async () => {
    await keeper?.close();
    keeper = undefined;
    node.remove();
    expect(lab.snapshot()).to.equal(untouched);
  });
  after(() => lab.remove());

  const whole = () =>
    `targets: [{ name: first, pids: [${lab.pids.first}], link: { max_mbit: 1000 } }]\nco_runners: { allow: [sage-test-container] }`;
  const addresses = (place: 'first' | 'second') =>
    `["${NetworkLab.address(place)}", "${NetworkLab.address(place, 6)}"]`;
  const shared = () =>
    `targets: [{ name: first, pids: [${lab.pids.first}], link: { device: uplink, addresses: ${addresses('first')}, max_mbit: 1000 } }, ` +
    `{ name: second, pids: [${lab.pids.second}], link: { device: uplink, addresses: ${addresses('second')}, max_mbit: 1000 } }]`;
  const siteOf = (yaml: string, system = lab.system()) => node.site(node.config(yaml), system);
  const start = (yaml: string, system?: System): Keeper => {
    keeper = node.keeper(siteOf(yaml, system));
    return keeper;
  };
  const apply = async (keeper: Keeper, id: string, action: NodeAction) => {
    const { outcome } = await keeper.submit(request(id, action));
    expect(outcome.status, outcome.message).to.equal('applied');
  };
  const expectRate = (found: number, wanted: number) =>
    expect(found).to.be.within(0.9 * wanted, 1.1 * wanted);

  it('holds what a container sends and what it receives to its rates', async () => {
    const keeper = start(whole());
    await apply(keeper, 'e', rate('first', 20));
    await apply(keeper, 'i', rate('first', 40, 'ingress'));
    expectRate(await lab.throughput('first', 'outside', SECONDS), 20);
    expectRate(await lab.throughput('outside', 'first', SECONDS, 6), 40);

    const site = siteOf(whole());
    const sampler = new Sampler(site, { clock: node.clock, monotonicMs: () => performance.now() });
    expect(await readTargetState(site, site.config.targets[0] as never, sampler)).to.deep.include({
      linkMbitPerSecond: { current: 20, max: 1000 },
      linkIngressMbitPerSecond: { current: 40, max: 1000 },
    });
    const { limitable } = await readTargetState(site, site.config.targets[0] as never, sampler);
    expect(limitable).to.include('network');

    await apply(keeper, 'e2', rate('first', 60));
    expectRate(await lab.throughput('first', 'outside', SECONDS), 60);
    await keeper.release('i');
    expect(await lab.throughput('outside', 'first', 1)).to.be.greaterThan(80);
  });

  it('gives two that share an interface their rates each, and lets others through', async () => {
    const keeper = start(shared());
    await apply(keeper, 'a', rate('first', 10));
    await apply(keeper, 'b', rate('second', 30));
    const [first, second] = await Promise.all([
      lab.throughput('first', 'outside', SECONDS, 6),
      lab.throughput('second', 'outside', SECONDS),
    ]);
    expectRate(first, 10);
    expectRate(second, 30);
    expectRate(second / first, 3);
    expect(await lab.throughput('node', 'outside', 1)).to.be.greaterThan(80);

    // The root stays for the one that is left.
    await keeper.release('a');
    expect(await lab.throughput('first', 'outside', 1)).to.be.greaterThan(80);
    expectRate(await lab.throughput('second', 'outside', SECONDS, 6), 30);
  });

  it('tells by addresses who receives on an interface that several share', async () => {
    const keeper = start(shared());
    await apply(keeper, 'a', rate('first', 10, 'ingress'));
    await apply(keeper, 'b', rate('second', 30, 'ingress'));
    const [first, second] = await Promise.all([
      lab.throughput('outside', 'first', SECONDS),
      lab.throughput('outside', 'second', SECONDS, 6),
    ]);
    expectRate(first, 10);
    expectRate(second, 30);
    await keeper.release('b');
    expectRate(await lab.throughput('outside', 'first', SECONDS, 6), 10);
    expect(await lab.throughput('outside', 'second', 1)).to.be.greaterThan(80);
  });

  it('limits a co-runner that is a container, each way, and says who cannot be limited', async () => {
    const keeper = start(whole());
    const limit = (pid: number): NodeAction => ({
      kind: 'limit-corunner',
      target: 'first',
      pids: [pid],
      of: 'network',
    });
    await apply(keeper, 'l', limit(lab.pids.second));
    // 5 % of 1000 Mbit/s.
    expectRate(await lab.throughput('second', 'outside', SECONDS), 50);
    expectRate(await lab.throughput('outside', 'second', SECONDS), 50);
    const again = await keeper.submit(request('l2', limit(lab.pids.second)));
    expect(again.outcome.status, again.outcome.message).to.equal('unchanged');
    expect((await keeper.submit(request('own', limit(lab.pids.first)))).reason).to.equal('not-allowed');
  });

  it('counts what waits and what is dropped', async () => {
    const keeper = start(whole());
    await apply(keeper, 'i', rate('first', 5, 'ingress'));
    const queues = new LinkQueues(siteOf(whole()));
    const traffic = lab.throughput('outside', 'first', SECONDS);
    let most = 0;
    let drops = 0;
    for (let i = 0; i < 30; i++) {
      const reading = (await queues.read()).get('first');
      most = Math.max(most, reading?.backlogBytes ?? 0);
      drops = Math.max(drops, reading?.drops ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await traffic;
    expect(most).to.be.greaterThan(20_000);
    expect(drops).to.be.greaterThan(0);
  });

  it('writes nothing where somebody else queues, and says what it found', async () => {
    for (const [side, direction, found] of [
      [
        ['root', 'handle', '8:', 'tbf', 'rate', '1mbit', 'burst', '10kb', 'limit', '10kb'],
        'ingress',
        'tbf 8:',
      ],
      [['root', 'handle', '1:', 'htb', 'default', '10'], 'ingress', 'htb 1:'],
      [['ingress'], 'egress', 'ingress'],
    ] as const) {
      lab.at('node', 'tc', 'qdisc', 'add', 'dev', 'v1', ...side);
      const filter = [
        'filter',
        'add',
        'dev',
        'v1',
        'parent',
        'ffff:',
        'protocol',
        'all',
        'pref',
        '9',
        'u32',
        'match',
        'u32',
        '0',
        '0',
        ...['action', 'mirred', 'egress', 'redirect', 'dev', 'spare'],
      ];
      if (side[0] === 'ingress') lab.at('node', 'tc', ...filter);
      try {
        const before = lab.snapshot();
        const answer = await start(whole()).submit(
          request(`f${found}`.replace(' ', ''), rate('first', 20, direction)),
        );
        expect(answer.reason, answer.outcome.message).to.equal('not-allowed');
        expect(answer.outcome.message).to.include(found);
        expect(lab.snapshot()).to.equal(before);
      } finally {
        lab.at('node', 'tc', 'qdisc', 'del', 'dev', 'v1', side[0]);
      }
    }
  });

  it('is as before after a crash at any line of tc or ip', async () => {
    const plans: readonly (readonly [string, () => string, readonly NodeAction[]])[] = [
      ['whole', whole, [rate('first', 20), rate('first', 30)]],
      ['shared', shared, [rate('first', 20, 'ingress'), rate('second', 20), rate('first', 10)]],
    ];
    for (const [what, yaml, actions] of plans) {
      let crashes = 0;
      for (let at = 0; at < 60; at++) {
        const good = lab.system();
        let left = at;
        const system = lab.system({
          run: async (program, args, input) => {
            const lines = (input ?? '').split('\n').filter((line) => line !== '');
            const writes = input !== undefined || args[1] === 'del';
            if (!writes) return good.run(program, args, input);
            // Dead in the midst of a batch: the lines before were done.
            const some = lines.slice(0, Math.max(0, left));
            left -= Math.max(1, lines.length);
            if (left >= 0) return good.run(program, args, input);
            if (some.length > 0) await good.run(program, args, `${some.join('\n')}\n`);
            return failure('program', 'crashed');
          },
        });
        const dying = node.keeper(siteOf(yaml(), system));
        for (const [index, action] of actions.entries())
          await dying.submit(request(`${what}${at}.${index}`, action));
        const crashed = left < 0;
        const next = node.keeper(siteOf(yaml()));
        await next.restore();
        expect((await next.close()).ok).to.equal(true);
        expect(lab.snapshot(), `${what}, crash at line ${at}`).to.equal(untouched);
        if (!crashed) break;
        crashes++;
      }
      expect(crashes, what).to.be.greaterThan(5);
    }
  });

  it('takes an interface that is gone for undone', async () => {
    const keeper = start(whole());
    await apply(keeper, 'e', rate('first', 20));
    await apply(keeper, 'i', rate('first', 20, 'ingress'));
    const gone = lab.system({
      run: async (_, args) =>
        args.includes('del') ? success('') : failure('program', 'Cannot find device "v1"'),
    });
    // As the journal has it, on a node where the container has ended.
    const other = node.keeper(siteOf(whole(), gone));
    await other.restore();
    expect((await other.close()).ok).to.equal(true);
  });
});
