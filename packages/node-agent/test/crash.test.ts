import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { DiskTree } from './disk-tree.js';
import { Faults } from './faults.js';
import { quota } from './fixture.js';
import { TestKernel } from './test-kernel.js';
import { TREE } from './two-targets.js';

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const CHILD = fileOf('./crash-child.js');
const MAIN = fileOf('../src/main.js');

describe('after kill -9', function () {
  this.timeout(300_000);
  const folders: string[] = [];
  const children: ChildProcess[] = [];
  const freshNode = () => {
    const root = mkdtempSync(join(tmpdir(), 'sage-crash-'));
    folders.push(root);
    const tree = new DiskTree(join(root, 'node'));
    for (const [path, text] of Object.entries(TREE)) tree.set(path, text);
    return { root, snapshot: () => new TestKernel(tree, new Faults([])).snapshot() };
  };
  const run = (...args: string[]) => spawnSync(process.execPath, [CHILD, ...args], { encoding: 'utf8' });
  const start = (program: string, ...args: string[]) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  it('at any effect on node or journal the next start leaves nothing turned', async () => {
    const whole = freshNode();
    const before = whole.snapshot();
    const total = Number(run(whole.root, '0').stdout);
    expect(whole.snapshot(), 'a life without a crash').to.deep.equal(before);
    expect(total).to.be.greaterThan(30);
    let touched = 0;
    for (let stopAt = 1; stopAt <= total; stopAt++) {
      const { root, snapshot } = freshNode();
      const child = start(CHILD, root, String(stopAt));
      const exit = once(child, 'exit');
      // The line says that it has come to the effect: killed there, it cannot do it.
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      child.kill('SIGKILL');
      await exit;
      if (JSON.stringify(snapshot()) !== JSON.stringify(before)) touched++;
      const { status, stderr } = run(root, 'restore');
      expect(status, `effect ${stopAt} of ${total}: ${stderr}`).to.equal(0);
      expect(snapshot(), `effect ${stopAt} of ${total}`).to.deep.equal(before);
    }
    expect(touched, 'crashes that had left something turned').to.be.greaterThan(20);
  });

  it('of the agent itself the next one restores before it is ready, and ends with 0', async () => {
    const { root, snapshot } = freshNode();
    const before = snapshot();
    const config = join(root, 'agent.yaml');
    writeFileSync(
      config,
      `node: n\njournal: ${root}/journal\ndry_run: false\nlisten: 127.0.0.1:0\nsys_root: ${root}/node\n` +
        'targets: [{ name: a, pids: [100], cgroup: demo/a }]\n',
    );
    const ready = async () => {
      const child = spawn(process.execPath, [MAIN, '--config', config], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      children.push(child);
      let text = '';
      // Leaving the loop closes the pipe: the agent goes on although nobody reads its log.
      for await (const chunk of child.stderr as AsyncIterable<Buffer>) {
        text += chunk;
        const url = /msg=listening url=(\S+)/.exec(text)?.[1];
        if (url !== undefined) return { child, url };
      }
      throw new Error(text);
    };
    const first = await ready();
    const post = (body: unknown) =>
      fetch(`${first.url}/api/v1/actions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await post({ id: 'q', action: quota(0.5, 'a') })).status).to.equal(200);
    const frequency = { kind: 'cpu-frequency', target: 'a', minKhz: 2_400_000 };
    expect((await post({ id: 'f', action: frequency })).status).to.equal(200);
    expect(snapshot()).to.not.deep.equal(before);

    const rival = spawnSync(process.execPath, [MAIN, '--config', config], { encoding: 'utf8' });
    expect([rival.status, rival.stderr]).to.deep.equal([
      1,
      `sage-node-agent: one agent writes to a node: the node agent with process ${first.child.pid} holds ${root}/journal.lock\n`,
    ]);

    const gone = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    await gone;
    const second = await ready();
    expect(snapshot()).to.deep.equal(before);
    // A token or certificate that is read anew ends nothing.
    second.child.kill('SIGHUP');
    await sleep(200);
    expect((await fetch(`${second.url}/-/ready`)).status).to.equal(200);
    const ended = once(second.child, 'exit');
    second.child.kill('SIGTERM');
    expect(await ended).to.deep.equal([0, null]);
  });
});
