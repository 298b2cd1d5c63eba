import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LiveApplication, Stretch, StretchOptions, TracedBy } from '@sage/evaluation';
import { expect } from 'chai';
import { startBench } from '../src/index.js';

const NO_CLOSED: StretchOptions = {
  ...{ seed: 1, requestsPerSecond: 40, openSeconds: 1, closedSeconds: 0, warmUpSeconds: 0.6 },
  connections: 4,
};

/** Processes that were started by this one, by what `ownedEnvironment` gave them; never one that ends meanwhile. */
function ownedBy(pid: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => environmentOf(entry).includes(`\0SAGE_DEMO_OWNER=${pid}:`))
    .map(Number);
}

function environmentOf(entry: string): string {
  try {
    return `\0${readFileSync(`/proc/${entry}/environ`, 'utf8')}`;
  } catch {
    return '';
  }
}

async function until(holds: () => boolean, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > endMs) expect.fail('it did not happen in time');
    await sleep(50);
  }
}

describe('the bench', function () {
  this.timeout(120_000);

  describe('drives the application', () => {
    let bench: LiveApplication;
    before(async () => {
      const started = await startBench({ seed: 1, env: process.env, nowMs: () => performance.now() });
      if (!started.ok) expect.fail(started.message);
      bench = started.value;
    });
    after(() => bench.close());
    const drive = async (tracedBy: TracedBy | undefined, more: Partial<StretchOptions> = {}) => {
      const driven = await bench.drive(tracedBy, { ...NO_CLOSED, ...more });
      if (!driven.ok) expect.fail(driven.message);
      const { value: stretch } = driven;
      expect(stretch.requests).to.be.greaterThan(0);
      expect(stretch.failed).to.equal(0);
      return stretch;
    };
    const perRequest = ({ received, latenciesMs }: Stretch) => received / latenciesMs.length;

    it('without instrumentation: nothing is received', async () => {
      const stretch = await drive(undefined);
      expect(stretch.latenciesMs.length).to.be.within(15, 80);
      expect(stretch.cpuMs).to.be.greaterThan(0);
      expect(stretch.received).to.equal(0);
    });

    it('traced by Sage, which gets the spans of all requests, of a share or of none', async () => {
      // From one span to a dozen and more, by what is asked for; some of the last half second are not there yet.
      expect(perRequest(await drive({ sampling: 1, receiver: 'sage' }))).to.be.within(4, 20);
      expect(perRequest(await drive({ sampling: 0.2, receiver: 'sage' }))).to.be.within(0.1, 6);
      // What was held half a second before is sent in the warm-up.
      expect((await drive({ sampling: 0, receiver: 'sage' })).received).to.equal(0);
    });

    it('traced by a receiver that drops, after Sage at the same ports', async () => {
      const stretch = await drive({ sampling: 1, receiver: 'sink' });
      expect(stretch.received).to.be.greaterThan(0);
      expect(stretch.receiverCpuMs).to.be.greaterThan(0);
    });

    it('as fast as it can', async () => {
      const { throughputPerSecond, latenciesMs } = await drive(undefined, {
        openSeconds: 0,
        closedSeconds: 1,
      });
      expect(throughputPerSecond).to.be.greaterThan(20);
      expect(latenciesMs).to.deep.equal([]);
    });
  });

  it('leaves no process behind, not even one that is held, and no file, where its own is killed', async () => {
    const program = fileURLToPath(new URL('./bench-main.js', import.meta.url));
    const temporary = mkdtempSync(join(tmpdir(), 'sage-bench-test-'));
    const child = fork(program, {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const pid = child.pid as number;
    try {
      await once(child, 'message');
      // Two applications of 14, and the receiver.
      expect(ownedBy(pid)).to.have.length(29);
      const held = () => ownedBy(pid).filter((each) => /^State:\s+T/m.test(statusOf(each)));
      await until(() => held().length === 14, 10_000);
    } finally {
      child.kill('SIGKILL');
    }
    await until(() => ownedBy(pid).length === 0, 10_000);
    expect(readdirSync(temporary)).to.deep.equal([]);
    rmSync(temporary, { recursive: true });
  });
});

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
