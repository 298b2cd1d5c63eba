import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock, type NodeAction, silentLogger } from '@sage/core';
import { loadAgentConfig } from '../src/config.js';
import { Journal } from '../src/journal.js';
import { diskFiles, type JournalFiles } from '../src/journal-file.js';
import { Keeper } from '../src/keeper.js';
import { takeLock } from '../src/lock.js';
import { ControlGroups } from '../src/targets/control-groups.js';
import { DiskTree } from './disk-tree.js';
import type { Effects } from './faults.js';
import { request, unwrap } from './fixture.js';
import { TestKernel } from './test-kernel.js';

/** Says when it is about to do effect number `stopAt`, and waits there to be killed. */
class StopAt implements Effects {
  count = 0;

  constructor(private readonly stopAt: number) {}

  meet(_what: string, half: () => void = () => {}): void {
    if (++this.count !== this.stopAt) return;
    half();
    writeSync(1, 'here\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    throw new Error('nobody killed this process in a minute');
  }

  around<T>(effect: () => T): T {
    this.meet('');
    return effect();
  }
}

function stoppable(effects: Effects): JournalFiles {
  return {
    ...diskFiles,
    create(path) {
      effects.meet(`create ${path}`);
      const file = diskFiles.create(path);
      return {
        ...file,
        write(bytes) {
          effects.meet(`write ${path}`, () => file.write(bytes.subarray(0, bytes.length / 2)));
          return file.write(bytes);
        },
        sync() {
          effects.meet(`sync ${path}`);
          file.sync();
        },
      };
    },
    rename(from, to) {
      effects.meet(`rename ${from}`);
      diskFiles.rename(from, to);
    },
  };
}

/** Everything that can be in force at once, a take-over among it. */
const ACTIONS: readonly NodeAction[] = [
  { kind: 'cpu-frequency', target: 'a', minKhz: 2_400_000 },
  { kind: 'cpu-quota', target: 'a', cores: 0.5 },
  { kind: 'llc-ways', target: 'a', ways: 4 },
  { kind: 'limit-corunner', target: 'b', pids: [200, 201, 210] },
  { kind: 'cpu-frequency', target: 'a', minKhz: 3_600_000 },
];

/** A keeper's life on a tree of the disk. Arguments: the folder, and the number of the effect to stop at. */
const [root = '', stopAt = ''] = process.argv.slice(2);
const effects = new StopAt(Number(stopAt));
const journal = join(root, 'journal');
const config = unwrap(
  loadAgentConfig(
    `node: n\njournal: ${journal}\ndry_run: false\nco_runners: { allow: ["^stress"] }\n` +
      'targets: [{ name: a, pids: [100], cgroup: demo/a }, { name: b, pids: [110], cgroup: demo/b }]\n',
  ),
);
unwrap(takeLock(`${journal}.lock`, process.pid));
const system = new TestKernel(new DiskTree(join(root, 'node')), effects);
const opened = unwrap(Journal.open(journal, stoppable(effects)));
const clock = new ManualClock(1_700_000_000_000);
const keeper = new Keeper(
  { system, config, groups: new ControlGroups(system, () => 0), ownPid: 1 },
  opened.journal,
  { clock, logger: silentLogger },
);
await keeper.restore();
if (stopAt === 'restore') process.exit(keeper.inForce);
for (const [index, action] of ACTIONS.entries()) {
  const { outcome } = await keeper.submit(request(`i${index}`, action));
  if (outcome.status !== 'applied') throw new Error(outcome.message);
}
await keeper.release('i1');
unwrap(await keeper.close());
writeSync(1, `${effects.count}\n`);
