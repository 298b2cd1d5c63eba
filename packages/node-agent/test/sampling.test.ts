import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { type FeatureName, ManualClock, success } from '@sage/core';
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

  it('tell pressure of a group of v2, also beside controllers of v1, and disk waits by it', async () => {
    const pressure = (us: number) =>
      `some avg10=0.00 avg60=0.00 avg300=0.00 total=${us}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n`;
    const group = '/sys/fs/cgroup/unified/slice/rate.service';
    const sampler = start({
      '/proc/self/mountinfo': `${CGROUP_V1['/proc/self/mountinfo']}43 31 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
      '/proc/100/cgroup': '1:cpu:/demo/rate\n0::/slice/rate.service\n',
      ...Object.fromEntries(
        ['cpu', 'memory', 'io'].map((resource) => [`${group}/${resource}.pressure`, pressure(0)]),
      ),
    });
    await sampler.sample();
    nowMs += 1000;
    for (const [resource, us] of [
      ['cpu', 100_000],
      ['memory', 200_000],
      ['io', 300_000],
    ] as const) {
      node.put(`${group}/${resource}.pressure`, pressure(us));
    }
    await sampler.sample();
    expect(sampler.valueOf('rate', 'cpu_pressure_ratio')).to.be.closeTo(0.1, 1e-9);
    expect(sampler.valueOf('rate', 'memory_pressure_ratio')).to.be.closeTo(0.2, 1e-9);
    expect(sampler.valueOf('rate', 'disk_wait_ratio')).to.be.closeTo(0.3, 1e-9);
    // The root group is everybody's.
    node.put('/proc/100/cgroup', '1:cpu:/demo/rate\n0::/\n');
    nowMs += 1000;
    await sampler.sample();
    expect(sampler.valueOf('rate', 'cpu_pressure_ratio')).to.equal(undefined);
  });

  it('tell what waits and is dropped in the queues of links, in one run of tc for all', async () => {
    node = new Node({
      ...processFiles(100, '0'),
      ...processFiles(101, '0'),
      '/proc/stat': 'cpu0 0 0 0 0 0 0 0 0 0 0\n',
    });
    const config = node.config(
      'targets: [{ name: own, pids: [100], link: { device: v1, max_mbit: 100 } }, { name: given, pids: [101], link: { device: eth0, classid: "1:10", max_mbit: 100 } }]',
    );
    const runs: string[] = [];
    let drops = 3;
    const run = async (program: string, args: readonly string[]) => {
      runs.push([program, ...args].join(' '));
      return success(
        args.includes('qdisc')
          ? JSON.stringify([
              { kind: 'htb', handle: '5a6e:', dev: 'v1', root: true, drops: 99, backlog: 99 },
              { kind: 'bfifo', handle: '8001:', dev: 'v1', parent: '5a6e:1', drops, backlog: 3000 },
              { kind: 'htb', handle: '1:', dev: 'eth0', root: true, drops: 77, backlog: 77 },
            ])
          : `class htb 1:10 root prio 0 rate 1Mbit ceil 1Mbit burst 1600b cburst 1600b\n Sent 9 bytes 9 pkt (dropped ${2 * drops}, overlimits 0 requeues 0)\n backlog 2Kb 3p requeues 0\n`,
      );
    };
    const sampler = new Sampler(node.site(config, node.system({ run })), {
      clock: new ManualClock(77),
      monotonicMs: () => nowMs,
    });
    await sampler.sample();
    expect(runs).to.deep.equal(['tc -s -j qdisc show', 'tc -s -d -j class show dev eth0']);
    nowMs += 2000;
    drops = 7;
    await sampler.sample();
    const values = (target: string) =>
      ['network_backlog_bytes', 'network_drops_per_second'].map((feature) =>
        sampler.valueOf(target, feature as FeatureName),
      );
    expect(values('own')).to.deep.equal([3000, 2]);
    expect(values('given')).to.deep.equal([2048, 4]);
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
