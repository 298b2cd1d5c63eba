import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@sage/core';
import { expect } from 'chai';
import { Admission } from '../src/application/component/admission.js';
import {
  type Application,
  type ApplicationOptions,
  startApplication,
  startLoad,
  sweepLeftovers,
} from '../src/application/index.js';
import { expandCores } from '../src/application/isolation/user-ground.js';
import { injectFault } from '../src/faults/index.js';

// Nothing listens there: the services must serve without a receiver.
const TELEMETRY = { otlpUrl: 'http://127.0.0.1:9', jaegerHost: '127.0.0.1', jaegerPort: 9 };

describe('startApplication', () => {
  let directory: string;
  let options: ApplicationOptions;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sage-demo-test-'));
    options = {
      isolation: 'user',
      telemetry: TELEMETRY,
      workDir: directory,
      env: process.env,
      log: silentLogger,
    };
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('names every wrong option at once', async () => {
    const telemetry = { ...TELEMETRY, otlpUrl: 'nowhere', jaegerPort: 0 };
    const started = await startApplication({ ...options, telemetry });
    expect(started.ok).to.equal(false);
    if (started.ok) return;
    expect(started.message).to.match(
      /otlpUrl: expected a URL .*jaegerPort: expected a port from 1 to 65535, got 0/,
    );
  });

  it('says what a component wrote that did not start', async function () {
    this.timeout(60_000);
    const env = { ...process.env, NODE_OPTIONS: '--require=/nowhere/at-all.cjs' };
    const started = await startApplication({ ...options, isolation: 'none', env });
    expect(started.ok).to.equal(false);
    if (started.ok) return;
    expect(started.message).to.match(
      /did not start: \S+ ended with exit code 1 before it was ready; it wrote:.*Cannot find module '\/nowhere/s,
    );
  });

  it('serves a real workload in 14 processes, takes faults and their end, and leaves no process behind', async function () {
    this.timeout(60_000);
    const started = await startApplication(options);
    if (!started.ok) throw new Error(started.message);
    const application: Application = started.value;
    try {
      const load = await startLoad({
        entryUrl: application.entryUrl,
        seed: 1,
        env: process.env,
      });
      if (!load.ok) throw new Error(load.message);
      const answers = async () => {
        const text = await (await fetch(load.value.metricsUrl)).text();
        const lines = text.matchAll(/_count\{service="frontend",operation="([^"]+)",code="(\d+)"\} (\d+)/g);
        return [...lines].map(([, operation, code, count]) => ({ operation, code, count: Number(count) }));
      };
      await until(async () => (await answers()).reduce((sum, { count }) => sum + count, 0) >= 60);
      expect((await answers()).map(({ operation }) => operation)).to.include('HTTP GET /hotels');
      expect((await answers()).filter(({ code }) => code !== '200')).to.deep.equal([]);
      await load.value.close();

      const rate = application.components.find((component) => component.name === 'rate');
      const poolState = async () => (await (await fetch(rate?.poolsUrl ?? '')).json()) as { inUse: number }[];
      expect(await poolState()).to.have.length(2);
      const fault = await injectFault(application, { kind: 'pool', service: 'rate' }, { log: silentLogger });
      if (!fault.ok) throw new Error(fault.message);
      expect(fault.value.resource).to.equal('software');
      expect((await poolState())[0]).to.include({ pool: 'memcached-rate', size: 16, inUse: 16 });
      await fault.value.end();
      expect((await poolState())[0]).to.include({ size: 16, inUse: 0 });
      const unknown = await injectFault(application, { kind: 'cpu', service: 'cart' }, { log: silentLogger });
      expect(unknown).to.include({ ok: false, reason: 'options' });

      expect(application.agentTargets).to.have.length(14);
      expect(application.agentTargets.find((target) => target.name === 'rate')).to.have.nested.property(
        'relay.link',
        'rate',
      );
    } finally {
      await application.close();
      await application.close();
    }
    for (const { pid } of application.components)
      expect(() => process.kill(pid, 0), `${pid}`).to.throw(/ESRCH/);
  });
});

describe('sweepLeftovers', () => {
  it('ends only processes whose owner is gone or is another process by now, and removes empty groups', async () => {
    const root = await mkdtemp(join(tmpdir(), 'sage-demo-sweep-'));
    const add = async (pid: number, startTime: number, environ: string) => {
      await mkdir(join(root, 'proc', `${pid}`), { recursive: true });
      const fields = Array.from({ length: 18 }, () => '0').join(' ');
      await writeFile(join(root, 'proc', `${pid}`, 'stat'), `${pid} (a) name) S ${fields} ${startTime} 0\n`);
      await writeFile(join(root, 'proc', `${pid}`, 'environ'), `A=1\0${environ}\0`);
    };
    await add(10, 500, 'PATH=/bin');
    await add(11, 600, 'SAGE_DEMO_OWNER=10:500');
    await add(12, 600, 'SAGE_DEMO_OWNER=10:499');
    await add(13, 600, 'SAGE_DEMO_OWNER=99:1');
    await mkdir(join(root, 'cgroup', 'cpu', 'sage-demo', 'rate'), { recursive: true });
    const killed: number[] = [];
    const swept = await sweepLeftovers({
      procRoot: join(root, 'proc'),
      cgroupRoot: join(root, 'cgroup'),
      kill: (pid) => killed.push(pid),
    });
    expect(killed.sort()).to.deep.equal([12, 13]);
    expect([...swept.processes].sort()).to.deep.equal([12, 13]);
    expect(existsSync(join(root, 'cgroup', 'cpu', 'sage-demo'))).to.equal(false);
    await rm(root, { recursive: true });
  });
});

describe('Admission', () => {
  it('runs so many, queues so many, refuses the rest, and counts them', async () => {
    const admission = new Admission({ concurrency: 1, queue: 1 });
    expect(await admission.enter()).to.equal(true);
    const second = admission.enter();
    expect(await admission.enter()).to.equal(false);
    expect(admission.refused).to.equal(1);
    admission.leave();
    expect(await second).to.equal(true);
  });
});

describe('expandCores', () => {
  for (const [list, cores] of [
    [' 0,2-3\n', [0, 2, 3]],
    ['0', [0]],
    ['0-1', [0, 1]],
  ] as const) {
    it(list.trim(), () => expect(expandCores(list)).to.deep.equal(cores));
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('what was waited for did not happen within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
