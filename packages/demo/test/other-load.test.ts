import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { othersProcessors, othersText, readProcessorTimes } from '../src/story/other-load.js';

describe('what other programs ask of the machine', () => {
  let proc: string;
  beforeEach(async () => {
    proc = await mkdtemp(join(tmpdir(), 'sage-proc-'));
  });
  afterEach(() => rm(proc, { recursive: true, force: true }));

  /** Ticks: of all, and per process. */
  async function write(
    all: number,
    processes: Readonly<Record<number, readonly [parent: number, own: number]>>,
  ) {
    // A quarter is told as nice and a quarter as system; interrupts and idle time are no program's.
    await writeFile(
      join(proc, 'stat'),
      `cpu  ${all / 2} ${all / 4} ${all / 4} 99999 7 88 9999 3 0 0\ncpu0 1 1 1\n`,
    );
    for (const [pid, [parent, own]] of Object.entries(processes)) {
      await mkdir(join(proc, pid), { recursive: true });
      const times = `${own / 4} ${own / 4} ${own / 4} ${own / 4}`;
      await writeFile(
        join(proc, pid, 'stat'),
        `${pid} (a (b) c) S ${parent} 1 1 0 -1 4194304 21067 1404 12 0 ${times} 20 0 11 0 10233 999 999\n`,
      );
    }
  }
  const read = (atMs: number) => readProcessorTimes(proc, 10, () => atMs);

  it('is what is left without the demo, its children and theirs', async () => {
    await write(4000, { 1: [0, 400], 10: [1, 200], 11: [10, 80], 12: [11, 40], 20: [1, 800] });
    const before = await read(0);
    expect(before).to.deep.equal({ atMs: 0, busySeconds: 40, ownSeconds: 3.2 });
    await write(6000, { 10: [1, 400], 11: [10, 280], 12: [11, 440], 20: [1, 2000] });
    // 20 s of all and 8 s of the demo in 10 s.
    expect(othersProcessors(before, await read(10_000))).to.be.closeTo(1.2, 1e-9);
  });

  it('is not known without a /proc, nor in no time', async () => {
    expect(await readProcessorTimes(join(proc, 'absent'), 10, () => 0)).to.equal(undefined);
    await write(4000, { 10: [1, 200] });
    const reading = await read(5);
    expect(othersProcessors(reading, reading)).to.equal(undefined);
    expect(othersProcessors(undefined, reading)).to.equal(undefined);
  });

  it('is told from a tenth of the machine on', () => {
    expect(othersText({ learning: 0.2, episode: 0.19 }, 2)).to.equal(undefined);
    expect(othersText({ learning: 0.2, episode: undefined }, 2)).to.equal(undefined);
    expect(othersText({ learning: 1.61, episode: 1.376 }, 2)).to.contain(
      'kept 1.38 of this machine’s 2 processors busy meanwhile (1.61 while Sage learned): ',
    );
    expect(othersText({ learning: undefined, episode: 1 }, 2)).to.contain('busy meanwhile: ');
  });

  it('tells a busy child of one’s own from a stranger', async function () {
    if (process.platform !== 'linux') this.skip();
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); for (;;);']);
    try {
      await once(child.stdout, 'data');
      const ownSeconds = async (pid: number) =>
        (await readProcessorTimes('/proc', pid, Date.now))?.ownSeconds ?? 0;
      const [own, parents, strangers] = [child.pid as number, process.pid, 0x7ffffff];
      // The parent's time goes around the child's.
      const parentBefore = await ownSeconds(parents);
      const childBefore = await ownSeconds(own);
      await new Promise((resolve) => setTimeout(resolve, 600));
      const ofChild = (await ownSeconds(own)) - childBefore;
      const ofParent = (await ownSeconds(parents)) - parentBefore;
      const ofStranger = await ownSeconds(strangers);
      expect(ofChild).to.be.greaterThan(0.02);
      expect(ofParent).to.be.at.least(ofChild);
      expect(ofStranger).to.equal(0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
