import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, type NodeAction, silentLogger } from '@sage/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { type AgentConfig, loadAgentConfig } from '../src/config.js';
import { Journal } from '../src/journal.js';
import { Keeper } from '../src/keeper.js';
import { ControlGroups } from '../src/targets/control-groups.js';
import { type Fault, Faults } from './faults.js';
import { unwrap } from './fixture.js';
import { MemoryFiles } from './memory-files.js';
import { TestKernel } from './test-kernel.js';
import { TREE } from './two-targets.js';

const RUNS = 1000;
const JOURNAL = '/journal';
const quotaFile = (target: string) => `/sys/fs/cgroup/cpu/demo/${target}/cpu.cfs_quota_us`;

const target = fc.constantFrom('a', 'b');
const action: fc.Arbitrary<NodeAction> = fc.oneof(
  fc.record({
    kind: fc.constant('cpu-quota' as const),
    target,
    cores: fc.constantFrom(0.01, 0.05, 0.5, 1, 9),
  }),
  fc.record({
    kind: fc.constant('cpu-weight' as const),
    target,
    weight: fc.constantFrom(0, 1, 300, 1000, 1001),
  }),
  fc.record({
    kind: fc.constant('cpu-frequency' as const),
    target,
    minKhz: fc.constantFrom(1, 800_000, 1_600_000, 2_400_000, 3_600_000),
  }),
  fc.record({
    kind: fc.constant('limit-corunner' as const),
    target,
    pids: fc.subarray([1, 100, 200, 201, 210], { minLength: 1 }),
  }),
  fc.record({ kind: fc.constant('llc-ways' as const), target, ways: fc.integer({ min: 0, max: 21 }) }),
  fc.record({
    kind: fc.constant('pool-size' as const),
    target,
    pool: fc.constantFrom('db', 'cache', 'none'),
    size: fc.integer({ min: 0, max: 17 }),
  }),
);

type Operation =
  | { readonly do: 'submit'; readonly id: string; readonly action: NodeAction; readonly leaseSeconds: number }
  | { readonly do: 'release'; readonly id: string }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'reconcile' | 'stop' }
  | { readonly do: 'kill'; readonly on: boolean }
  /** Somebody else turns a knob; these values are never ours. */
  | { readonly do: 'turn'; readonly knob: 'a' | 'b' | 'db'; readonly value: number };

const id = fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      id,
      action,
      leaseSeconds: fc.constantFrom(5, 60),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), id }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 10, 100) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('reconcile' as const, 'stop' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('turn' as const),
      knob: fc.constantFrom('a' as const, 'b' as const, 'db' as const),
      value: fc.integer({ min: 7001, max: 7009 }),
    }),
  },
);
const fault: fc.Arbitrary<Fault> = fc.record({
  after: fc.integer({ min: 0, max: 30 }),
  kind: fc.constantFrom('fail' as const, 'late' as const, 'crash' as const),
});

/** An agent that lives and dies on one node, and what the node must look like once it has undone everything. */
class World {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly tree = new Map(Object.entries(TREE));
  readonly faults: Faults;
  readonly kernel: TestKernel;
  readonly files: MemoryFiles;
  readonly #expected: Record<string, string>;
  #journal!: Journal;
  #keeper!: Keeper;

  constructor(
    schedule: readonly Fault[],
    private readonly config: AgentConfig,
    private readonly share: number,
  ) {
    this.faults = new Faults(schedule);
    this.kernel = new TestKernel(this.tree, this.faults);
    this.files = new MemoryFiles(this.faults);
    this.#expected = { ...this.kernel.snapshot() };
  }

  /** Until a start comes through: it may crash again in the middle of what it restores. */
  async start(): Promise<void> {
    for (;;) {
      this.faults.dead = false;
      const opened = Journal.open(JOURNAL, this.files);
      if (opened.ok) {
        expect(opened.value.damagedLines, 'damaged lines').to.equal(0);
        this.#journal = opened.value.journal;
        const groups = new ControlGroups(this.kernel, () => 0);
        const site = { system: this.kernel, config: this.config, groups, ownPid: 1 };
        this.#keeper = new Keeper(site, this.#journal, { clock: this.clock, logger: silentLogger });
        await this.#keeper.restore();
      }
      if (opened.ok && !this.faults.dead) return;
      this.files.crash(this.share);
    }
  }

  async perform(operation: Operation): Promise<void> {
    await this.#do(operation);
    if (!this.faults.dead) {
      this.#checkReplay();
      return;
    }
    this.files.crash(this.share);
    await this.start();
  }

  async #do(operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'submit': {
        const { id, action, leaseSeconds } = operation;
        await this.#keeper.submit({ id, action, leaseSeconds });
        return;
      }
      case 'release':
        await this.#keeper.release(operation.id);
        return;
      case 'wait':
        this.clock.advance(1000 * operation.seconds);
        return this.#keeper.expire();
      case 'reconcile':
        return this.#keeper.reconcile();
      case 'stop':
        await this.#keeper.close();
        if (!this.faults.dead) await this.start();
        return;
      case 'kill':
        rmSync(this.config.killSwitch, { force: true });
        if (operation.on) writeFileSync(this.config.killSwitch, 'test\n');
        return this.#keeper.expire();
      case 'turn':
        return this.#turn(operation.knob, operation.value);
    }
  }

  #turn(knob: 'a' | 'b' | 'db', value: number): void {
    if (knob === 'db') {
      this.kernel.pools.set('http://pools/a/db', value);
      this.#expected['http://pools/a/db'] = String(value);
      return;
    }
    this.tree.set(quotaFile(knob), `${value}\n`);
    this.#expected[quotaFile(knob)] = String(value);
  }

  /** What is in force can be undone by whoever reads the journal now. */
  #checkReplay(): void {
    const faults = new Faults([]);
    const copy = new MemoryFiles(faults);
    const file = copy.create(JOURNAL);
    for (let rest = Buffer.from(this.files.read(JOURNAL) ?? ''); rest.length > 0; ) {
      rest = rest.subarray(file.write(rest));
    }
    const replayed = unwrap(Journal.open(JOURNAL, copy)).journal.held;
    for (const entry of this.#journal.held) expect(replayed).to.deep.include(entry);
    expect(replayed.length - this.#journal.held.length, 'held by the file alone').to.be.least(0);
    if (this.faults.count > 0) expect(this.kernel.violations).to.deep.equal([]);
  }

  /** Nothing fails any more: everything can be undone, and then nothing of ours is left. */
  async end(): Promise<void> {
    this.faults.end();
    unwrap(await this.#keeper.close());
    const left = Object.entries(this.kernel.snapshot()).filter(
      ([path, text]) => this.#expected[path] !== text,
    );
    expect(left, 'left on the node').to.deep.equal([]);
    expect(this.kernel.snapshot()).to.deep.equal(this.#expected);
    expect(this.kernel.violations).to.deep.equal([]);
    expect(unwrap(Journal.open(JOURNAL, this.files)).journal.held).to.deep.equal([]);
  }
}

describe('a thousand random plans with failures and crashes', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'sage-properties-'));
  after(() => rmSync(folder, { recursive: true }));
  const targets = ['a', 'b'].map(
    (name, index) =>
      `{ name: ${name}, pids: [${100 + 10 * index}], cgroup: demo/${name}, pools_url: "http://pools/${name}", max_pool_size: 16 }`,
  );
  const config = unwrap(
    loadAgentConfig(
      `node: n\njournal: ${JOURNAL}\ndry_run: false\nkill_switch: ${folder}/kill\ntargets: [${targets.join(', ')}]\n` +
        'co_runners: { allow: ["^stress"] }\nlimits: { changes_per_minute: 20, changes_in_force: 4 }\n' +
        'drift: { give_up_after: 2, within_seconds: 60 }\n',
    ),
  );

  it('leave the node as it was, or as others have turned it', async () => {
    let effects = 0;
    const property = fc.asyncProperty(
      fc.array(operation, { minLength: 1, maxLength: 25 }),
      fc.array(fault, { maxLength: 6 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (operations, schedule, share) => {
        rmSync(config.killSwitch, { force: true });
        const world = new World(schedule, config, share);
        await world.start();
        for (const each of operations) await world.perform(each);
        await world.end();
        effects += world.faults.count;
      },
    );
    await fc.assert(property, { numRuns: RUNS, seed: 1 });
    expect(effects, 'effects on node and disk').to.be.greaterThan(10 * RUNS);
  });
});
