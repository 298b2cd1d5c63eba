import { expect } from 'chai';
import { parseTakenBits } from '../src/drivers/cache-ways.js';
import { parseCfs, parseCpuMax } from '../src/drivers/cpu-quota.js';
import { cgroupHierarchies, parseCgroupPath, parseThrottledSeconds } from '../src/procfs/cgroup.js';
import { formatCpuList, overlaps, parseCpuList } from '../src/procfs/cpu-list.js';
import { busyRatio, parseCpuTimes, parseNetDev } from '../src/procfs/host.js';
import { parseMounts } from '../src/procfs/mountinfo.js';
import { parsePressureMicroseconds } from '../src/procfs/pressure.js';
import { parseIoBytes, parseProcessStat, parseProcessStatus, parseSchedStat } from '../src/procfs/process.js';
import { parseHtbClasses } from '../src/steps/htb-class.js';
import { composeSchemata, parseSchemata, placeMask, sameSchemata } from '../src/steps/schemata.js';

function table<T>(name: string, parse: (text: string) => T, rows: readonly (readonly [string, T])[]): void {
  describe(name, () => {
    for (const [text, expected] of rows) {
      it(JSON.stringify(text).slice(0, 70), () => expect(parse(text)).to.deep.equal(expected));
    }
  });
}

describe('files of the kernel', () => {
  table('cpu list', parseCpuList, [
    ['0-3,8,10-11\n', [0, 1, 2, 3, 8, 10, 11]],
    ['0 1 2\n', [0, 1, 2]],
    ['', []],
    ['nonsense', []],
  ]);
  table('schedstat', parseSchedStat, [
    ['549732 58017 2\n', { runNs: 549732, waitNs: 58017 }],
    ['', undefined],
  ]);
  table('io', parseIoBytes, [
    ['rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 96\n', 12192],
    ['', undefined],
  ]);
  table('status', parseProcessStatus, [
    ['VmRSS:\t    2 kB\nCpus_allowed_list:\t0-1\n', { residentBytes: 2048, allowedCpus: [0, 1] }],
    ['Name:\tkthreadd\n', { residentBytes: undefined, allowedCpus: [] }],
  ]);
  table('pressure', parsePressureMicroseconds, [
    ['some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\nfull avg10=0.00 total=1\n', 12345],
    ['', undefined],
  ]);
  table('net/dev', parseNetDev, [
    [
      'Inter-|   Receive\n face |bytes\n    lo: 3193 29 0 0 0 0 0 0 3193 29 0 0 0 0 0 0\n  eth0: 50 1 0 0 0 0 0 0 90 2 0 0 0 0 0 0\n',
      { received: 50, transmitted: 90 },
    ],
  ]);
  table('cpu.stat', parseThrottledSeconds, [
    ['nr_periods 1\nnr_throttled 1\nthrottled_time 1500000000\n', 1.5],
    ['usage_usec 5\nthrottled_usec 250000\n', 0.25],
    ['nr_periods 1\n', undefined],
  ]);
  table('cpu.max', parseCpuMax, [
    ['50000 100000\n', { quotaUs: 50000, periodUs: 100000 }],
    ['max 100000\n', { quotaUs: undefined, periodUs: 100000 }],
    ['x', undefined],
  ]);
  const hierarchies = (text: string) => cgroupHierarchies(parseMounts(text), () => 'cpuset cpu io memory\n');
  table('mountinfo', hierarchies, [
    [
      '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n31 23 0:28 / /sys rw - tmpfs tmpfs rw\n',
      [{ version: 1, mount: '/sys/fs/cgroup/cpu', root: '/', controllers: ['rw', 'cpu', 'cpuacct'] }],
    ],
    [
      '30 23 0:26 /box /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n',
      [
        {
          version: 2,
          mount: '/sys/fs/cgroup',
          root: '/box',
          controllers: ['cpuset', 'cpu', 'io', 'memory'],
        },
      ],
    ],
    ['', []],
  ]);
  table('bit_usage', (text) => [...parseTakenBits(text)], [
    [
      '0=SSSSXX;3=EEPS00\n',
      [
        [0, 0n],
        [3, 0b111000n],
      ],
    ],
    ['', []],
  ]);

  it('takes the command of stat whole, parentheses and spaces too', () => {
    const stat = parseProcessStat(
      '12 (a b) c) S 1 12 12 0 -1 4194304 99 0 3 0 150 50 0 0 20 0 11 0 4242 3133440 393 1 1 1 1 1 1 0 0 0 0 0 0 0 17 0 0 0 77 0 0 1 1\n',
    );
    expect(stat).to.deep.equal({
      pid: 12,
      state: 'S',
      majorFaults: 3,
      cpuTicks: 200,
      startTicks: 4242,
      blockIoDelayTicks: 77,
    });
    expect(parseProcessStat('')).to.equal(undefined);
  });

  it('finds a process in either version of cgroups', () => {
    const text = '4:memory:/m\n2:cpu,cpuacct:/sage/rate\n0::/slice\n';
    const v2 = { version: 2, controllers: [] } as const;
    expect(parseCgroupPath(text, { version: 1, controllers: ['rw', 'cpu'] })).to.equal('/sage/rate');
    expect(parseCgroupPath(text, v2)).to.equal('/slice');
    expect(parseCgroupPath('', v2)).to.equal(undefined);
  });

  it('reads mounts with spaces, options and other machines', () => {
    const text =
      '36 35 98:0 /mnt1 /my\\040data ro,noatime master:1 - ext3 /dev/root rw,errors=continue\n' +
      '40 35 0:52 / /nfs rw - nfs4 host:/x rw,vers=4.2\nnonsense\n';
    expect(parseMounts(text)).to.deep.equal([
      {
        device: '98:0',
        root: '/mnt1',
        point: '/my data',
        readOnly: true,
        type: 'ext3',
        source: '/dev/root',
        options: ['rw', 'errors=continue'],
      },
      {
        device: '0:52',
        root: '/',
        point: '/nfs',
        readOnly: false,
        type: 'nfs4',
        source: 'host:/x',
        options: ['rw', 'vers=4.2'],
      },
    ]);
  });

  it('reads v1 quotas, -1 being none', () => {
    expect(parseCfs('-1\n', '100000\n')).to.deep.equal({ quotaUs: undefined, periodUs: 100000 });
    expect(parseCfs('5000\n', '100000\n')).to.deep.equal({ quotaUs: 5000, periodUs: 100000 });
    expect(parseCfs('', '')).to.equal(undefined);
  });

  it('takes busy time of the given processors only', () => {
    const before = parseCpuTimes('cpu 9 9\ncpu0 10 0 10 80 0 0 0 0 0 0\ncpu1 0 0 0 100 0 0 0 0 0 0\n');
    const after = parseCpuTimes('cpu0 60 0 10 80 50 0 0 0 0 0\ncpu1 0 0 0 200 0 0 0 0 0 0\n');
    expect(busyRatio(before, after, [0])).to.equal(0.5);
    expect(busyRatio(before, after, [0, 1])).to.equal(0.25);
    expect(busyRatio(before, before, [0])).to.equal(undefined);
  });

  for (const text of ['0-3,8,10-11', '0', '']) {
    it(`writes the processors ${text} as the kernel reads them back`, () => {
      expect(formatCpuList(parseCpuList(text))).to.equal(text);
    });
  }

  it('knows overlapping processors', () => {
    expect(overlaps([0, 1], [1, 2])).to.equal(true);
    expect(overlaps([0], [1])).to.equal(false);
  });
});

describe('HTB classes', () => {
  const wanted = {
    classid: '1:10',
    rate: 1.5e6,
    ceil: 2e6,
    prio: 3,
    burst: '1599b',
    cburst: '1600b',
    quantum: 3000,
  };
  it('reads the text that older tc writes even for JSON', () => {
    const text =
      'class htb 1:1 root rate 1Gbit ceil 1Gbit linklayer ethernet burst 1375b/1 mpu 0b cburst 1375b/1 mpu 0b level 7 \n' +
      'class htb 1:10 parent 1:1 prio 3 quantum 3000 rate 1500Kbit ceil 2Mbit linklayer ethernet burst 1599b/1 mpu 0b cburst 1600b/1 mpu 0b level 0 \n' +
      ' Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) \n backlog 12Kb 8p requeues 0\n';
    const classes = parseHtbClasses(text);
    expect(classes.map(({ classid, rate }) => [classid, rate])).to.deep.equal([
      ['1:1', 1e9],
      ['1:10', 1.5e6],
    ]);
    expect(classes[1]).to.deep.equal({ ...wanted, backlogBytes: 12288, drops: 0 });
  });
  it('reads the JSON of newer tc, rates in byte/s', () => {
    const text =
      '[{"class":"htb","handle":"1:10","prio":3,"quantum":3000,"rate":187500,"ceil":250000,"burst":1599,"cburst":1600,"backlog":0}]';
    expect(parseHtbClasses(text)).to.deep.equal([{ ...wanted, backlogBytes: 0, drops: undefined }]);
  });
  it('finds none in nonsense', () => {
    expect(parseHtbClasses('[{')).to.deep.equal([]);
    expect(parseHtbClasses('')).to.deep.equal([]);
  });
});

describe('schemata', () => {
  it('reads padded masks and gaps in cache ids', () => {
    const text = '    MB:0=100;2=2048\n    L3:0=0000f;2=fffff\nL3CODE:0=3\n';
    expect([...parseSchemata(text, 'MB')]).to.deep.equal([
      [0, 100n],
      [2, 2048n],
    ]);
    expect([...parseSchemata(text, 'L3CODE')]).to.deep.equal([[0, 3n]]);
    const masks = parseSchemata(text, 'L3');
    expect([...masks]).to.deep.equal([
      [0, 0xfn],
      [2, 0xfffffn],
    ]);
    expect(composeSchemata(masks, 'L3')).to.equal('L3:0=f;2=fffff');
    expect(sameSchemata('  L3:0=0000f;2=fffff\n', 'L3:2=fffff')).to.equal(true);
    expect(sameSchemata('  L3:0=0000f\n', 'L3:0=1f')).to.equal(false);
    expect(sameSchemata('  MB:0= 50\n L3:0=f\n', 'L3:0=f\nMB:0=50')).to.equal(true);
    expect(sameSchemata('  MB:0= 50\n L3:0=f\n', 'L3:0=f\nMB:0=60')).to.equal(false);
    expect(composeSchemata(new Map([[1, 50n]]), 'MB')).to.equal('MB:1=50');
  });
  for (const [ways, allowed, shared, mask] of [
    [4, 0xfffffn, 0xc0000n, 0xfn],
    [20, 0xfffffn, 0xc0000n, 0xfffffn],
    [2, 0xfn, 0x3n, 0xcn],
    [3, 0b11011n, 0n, undefined],
    [2, 0b11011n, 0b11n, 0b11000n],
  ] as const) {
    it(`places ${ways} ways in ${allowed.toString(2)} beside ${shared.toString(2)}`, () => {
      expect(placeMask(ways, allowed, shared)).to.equal(mask);
    });
  }
});
