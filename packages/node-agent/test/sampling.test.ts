import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { ManualClock } from '@sage/core';
import { expect } from 'chai';
import { Probe } from '../src/sampling/probe.js';
import { Sampler } from '../src/sampling/sampler.js';
import { CGROUP_V1, Node, processFiles } from './fixture.js';

const STAT = '/sys/fs/cgroup/cpu/demo/rate/cpu.stat';

describe('samples', () => {
  let node: Node;
  let nowMs = 0;
  afterEach(() => node.remove());

  const start = (tree = {}) => {
    node = new Node({ ...CGROUP_V1, ...processFiles(100, '0'), [STAT]: 'throttled_time 0\n', ...tree });
    node.put('/proc/stat', 'cpu0 0 0 0 0 0 0 0 0 0 0\n');
    const config = node.config(
      'targets: [{ name: rate, pids: [100], cgroup: demo/rate }]\nco_runners: { allow: ["^stress"] }',
    );
    return new Sampler(node.site(config), { clock: new ManualClock(77), monotonicMs: () => nowMs });
  };
  const bump = (pid: number, ticks: number, command = 'node') => {
    node.put(
      `/proc/${pid}/stat`,
      `${pid} (${command}) R 1 1 1 0 -1 4194304 99 0 9 0 ${150 + ticks} 50 0 0 20 0 11 0 4242 3133440 393 0\n`,
    );
  };

  it('are rates between two readings', async () => {
    const sampler = start();
    await sampler.sample();
    expect(sampler.samples).to.deep.equal([]);
    nowMs += 2000;
    bump(100, 100);
    node.put('/proc/100/task/100/schedstat', '900000000 402000000 9\n');
    node.put('/proc/stat', 'cpu0 150 0 0 50 0 0 0 0 0 0\n');
    node.put(STAT, 'throttled_time 500000000\n');
    await sampler.sample();
    expect(Object.fromEntries(sampler.samples.map(({ feature, value }) => [feature, value]))).to.deep.equal({
      cpu_usage_cores: 0.5,
      cpu_runqueue_wait_ratio: 0.2,
      cpu_throttled_ratio: 0.25,
      cpu_host_busy_ratio: 0.75,
      memory_working_set_bytes: 51200 * 1024,
      memory_major_faults_per_second: 3,
    });
    expect(sampler.samples[0]).to.include({ service: 'rate', timestampMs: 77 });
  });

  it('leave out run-queue wait on a kernel without schedstats', async () => {
    const sampler = start({ '/proc/100/task/100/schedstat': '0 0 0\n' });
    await sampler.sample();
    nowMs += 1000;
    await sampler.sample();
    expect(sampler.valueOf('rate', 'cpu_usage_cores')).to.equal(0);
    expect(sampler.valueOf('rate', 'cpu_runqueue_wait_ratio')).to.equal(undefined);
  });

  it('stop when the process is gone, and do not mistake its successor for it', async () => {
    const sampler = start();
    await sampler.sample();
    nowMs += 1000;
    node.put(
      '/proc/100/stat',
      '100 (node) S 1 1 1 0 -1 4194304 99 0 3 0 900 50 0 0 20 0 11 0 9999 3133440 393 0\n',
    );
    await sampler.sample();
    expect(sampler.valueOf('rate', 'cpu_usage_cores')).to.equal(undefined);
    node.put('/proc/100/stat', '');
    await sampler.sample();
    expect(sampler.samples).to.deep.equal([]);
  });

  it('tell the use of processes of the allow-list', async () => {
    const sampler = start({ ...processFiles(200, '0', 'stress'), ...processFiles(300, '0', 'other') });
    await sampler.sample();
    nowMs += 1000;
    bump(200, 40, 'stress');
    await sampler.sample();
    expect([...sampler.usage]).to.deep.equal([[200, { command: 'stress --flag', cpuCores: 0.4 }]]);
  });
});

describe('probes', () => {
  for (const mode of ['connect', 'echo'] as const) {
    it(`measure by ${mode}, and count failures once nobody answers`, async () => {
      let connections = 0;
      const server = createServer((socket) => {
        connections++;
        socket.on('error', () => {});
        socket.pipe(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const probe = new Probe({ host: '127.0.0.1', port, mode }, () => performance.now());
      expect(probe.reading()).to.equal(undefined);
      for (let i = 0; i < 4; i++) await probe.probeOnce();
      expect(probe.reading()?.failureRatio).to.equal(0);
      expect(probe.reading()?.roundTripMs).to.be.within(0, 1000);
      expect(connections).to.equal(mode === 'echo' ? 1 : 4);
      probe.stop();
      await new Promise((resolve) => server.close(resolve));
      for (let i = 0; i < 4; i++) await probe.probeOnce();
      expect(probe.reading()?.failureRatio).to.equal(0.5);
      probe.stop();
    });
  }
});
