import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@sage/core';
import { expect } from 'chai';
import { type DemoOptions, runDemo } from '../src/index.js';
import { startAgentProcess } from '../src/story/agent-process.js';

const unreachable: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));

describe('an end that comes early', () => {
  let workDir: string;
  before(async () => {
    workDir = await mkdtemp(join(tmpdir(), 'sage-demo-test-'));
  });
  after(() => rm(workDir, { recursive: true, force: true }));

  it('is not waited with until the node agent answers', async function () {
    this.timeout(20_000);
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('ended by SIGTERM')), 300);
    const began = performance.now();
    const started = await startAgentProcess({
      port: 1,
      workDir,
      targets: [],
      coRunnerPatterns: [],
      fetch: unreachable,
      env: process.env,
      signal: abort.signal,
    });
    expect(started).to.include({ ok: false, message: 'ended by SIGTERM' });
    expect(performance.now() - began).to.be.below(9_000);
  });

  for (const once of [true, false]) {
    it(`is told in a plain sentence while the application starts, ${once ? 'once' : 'for good'}`, async function () {
      this.timeout(90_000);
      let end = () => {};
      let said = '';
      const out = {
        write: (text: string) => {
          said += text;
          if (text.includes('Starting')) end();
          return true;
        },
      };
      const options: DemoOptions = {
        once,
        seed: 1,
        fault: 'none',
        isolation: 'user',
        port: 0,
        loadMetricsPort: 0,
        trigger: 'collector',
        requestsPerSecond: 30,
        learnSeconds: 40,
        json: undefined,
        grafana: undefined,
        color: false,
        env: process.env,
        argv: [],
        fetch: unreachable,
        clock: systemClock,
        onSignal: (signal, handler) => {
          if (signal === 'SIGTERM') end = handler;
        },
        out,
        stdout: out,
        progress: out,
      };
      const ended = await runDemo(options);
      if (once) {
        const message = 'ended by SIGTERM before there was a result';
        expect(ended).to.deep.equal({ ok: false, reason: 'start', message });
      } else {
        expect(ended).to.deep.equal({ ok: true, value: { success: false } });
        expect(said).to.include('Told to end.');
      }
      expect(said).not.to.include('fetch failed');
      const kept = /Logs, model and incidents stay in (\S+)/.exec(said)?.[1] as string;
      expect(await readFile(join(kept, 'frontend.json'), 'utf8')).to.include('"name": "frontend"');
      await rm(kept, { recursive: true });
    });
  }
});
