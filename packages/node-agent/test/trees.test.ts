import { expect } from 'chai';
import { readTargetCacheGroup } from '../src/drivers/resctrl.js';
import { Node, processFiles, request, type Tree, unwrap } from './fixture.js';

const policy = (n: number, files: Record<string, string> = {}): Tree =>
  Object.fromEntries(
    Object.entries({
      affected_cpus: `${n}\n`,
      cpuinfo_min_freq: '800000\n',
      cpuinfo_max_freq: '3600000\n',
      scaling_driver: 'intel_pstate\n',
      scaling_governor: 'powersave\n',
      scaling_min_freq: '800000\n',
      scaling_max_freq: '3600000\n',
      ...files,
    }).map(([file, text]) => [`/sys/devices/system/cpu/cpufreq/policy${n}/${file}`, text]),
  );
const min = (n: number) => `/sys/devices/system/cpu/cpufreq/policy${n}/scaling_min_freq`;
const max = (n: number) => `/sys/devices/system/cpu/cpufreq/policy${n}/scaling_max_freq`;
const frequency = (minKhz: number) => ({ kind: 'cpu-frequency', target: 'rate', minKhz }) as const;

describe('cpufreq', () => {
  let node: Node;
  afterEach(() => node.remove());

  it('raises the minimum of the processors of the target only, and puts it back', async () => {
    node = new Node({ ...policy(0), ...policy(1), ...processFiles(100, '1') });
    const keeper = node.keeper();
    const { outcome } = await keeper.submit(request('f1', frequency(2000000)));
    expect(outcome.status).to.equal('applied');
    expect(outcome.writes).to.deep.equal([`write "2000000" to ${min(1)} (was "800000")`]);
    expect([node.get(min(0)), node.get(min(1))]).to.deep.equal(['800000\n', '2000000']);
    expect((await keeper.release('f1'))?.outcome.status).to.equal('released');
    expect(node.get(min(1))).to.equal('800000');
  });

  it('writes maximum before minimum, and undoes in reverse', async () => {
    node = new Node({ ...policy(0, { scaling_max_freq: '1200000\n' }), ...processFiles(100, '0') });
    const written: string[] = [];
    const base = node.system();
    const system = {
      ...base,
      write: (path: string, text: string) => {
        written.push(`${path.split('/').at(-1)}=${text}`);
        base.write(path, text);
      },
    };
    const keeper = node.keeper(node.site(node.config(), system));
    await keeper.submit(request('f1', frequency(3000000)));
    await keeper.release('f1');
    expect(written).to.deep.equal([
      'scaling_max_freq=3000000',
      'scaling_min_freq=3000000',
      'scaling_min_freq=800000',
      'scaling_max_freq=1200000',
    ]);
    expect([node.get(min(0)), node.get(max(0))]).to.deep.equal(['800000', '1200000']);
  });

  for (const [what, tree, khz, reason, text] of [
    ['no cpufreq', {}, 2000000, 'unsupported', 'no cpufreq policy for cpu 0'],
    [
      'the governor performance',
      policy(0, { scaling_governor: 'performance\n' }),
      2000000,
      'unsupported',
      'at its maximum already',
    ],
    ['too fast', policy(0), 9000000, 'out-of-range', 'expected 800000 to 3600000 kHz'],
    ['too slow', policy(0), 1, 'out-of-range', 'expected 800000 to 3600000 kHz'],
    [
      'an offline processor',
      policy(0, { affected_cpus: '\n', scaling_min_freq: '<unsupported>\n' }),
      2000000,
      'unsupported',
      'no cpufreq policy',
    ],
  ] as const) {
    it(`refuses: ${what}`, async () => {
      node = new Node({ ...tree, ...processFiles(100, '0') });
      const answer = await node.keeper().submit(request('f1', frequency(khz)));
      expect(answer.outcome.status).to.equal('refused');
      expect(answer.reason).to.equal(reason);
      expect(answer.outcome.message).to.include(text);
    });
  }

  it('answers unchanged where the value is in force', async () => {
    node = new Node({ ...policy(0), ...processFiles(100, '0') });
    const { outcome } = await node.keeper().submit(request('f1', frequency(800000)));
    expect(outcome).to.include({ status: 'unchanged', leaseEndsMs: undefined });
  });
});

const RESCTRL: Tree = {
  '/sys/fs/resctrl/schemata': '    MB:0=100;2=100\n    L3:0=fffff;2=fffff\n',
  '/sys/fs/resctrl/tasks': '100\n101\n',
  '/sys/fs/resctrl/info/L3/cbm_mask': 'fffff\n',
  '/sys/fs/resctrl/info/L3/min_cbm_bits': '2\n',
  '/sys/fs/resctrl/info/L3/num_closids': '4\n',
  '/sys/fs/resctrl/info/L3/shareable_bits': 'c0000\n',
  '/sys/fs/resctrl/info/last_cmd_status': 'mask f5 has non-consecutive 1-bits\n',
  ...processFiles(100, '0'),
  '/proc/100/task/101/schedstat': '1 1 1\n',
};
const ways = (count: number) => ({ kind: 'llc-ways', target: 'rate', ways: count }) as const;

describe('resctrl', () => {
  let node: Node;
  afterEach(() => node.remove());

  it('gives a target a group with adjacent ways in every domain, and removes it', async () => {
    node = new Node(RESCTRL);
    const site = node.site();
    const keeper = node.keeper(site);
    const { outcome } = await keeper.submit(request('c1', ways(4)));
    expect(outcome.status, outcome.message).to.equal('applied');
    expect(node.get('/sys/fs/resctrl/sage-rate/schemata')).to.equal('L3:0=f;2=f');
    expect(node.get('/sys/fs/resctrl/sage-rate/tasks')).to.equal('100\n101\n');
    expect(readTargetCacheGroup(site, site.config.targets[0] as never)?.name).to.equal('sage-rate');

    const second = await keeper.submit(request('c2', ways(6)));
    expect(second.outcome.writes).to.have.length(1);
    expect(node.get('/sys/fs/resctrl/sage-rate/schemata')).to.equal('L3:0=3f;2=3f');
    await keeper.release('c2');
    expect(node.get('/sys/fs/resctrl/sage-rate/schemata')).to.equal(undefined);
    expect(node.get('/sys/fs/resctrl/schemata')).to.equal(RESCTRL['/sys/fs/resctrl/schemata']);
  });

  for (const [what, tree, count, reason, text] of [
    [
      'no mount',
      { '/sys/fs/resctrl/info/L3/cbm_mask': '', '/sys/fs/resctrl/schemata': '' },
      4,
      'unsupported',
      'no L3 cache allocation',
    ],
    ['below min_cbm_bits', {}, 1, 'out-of-range', 'expected 2 to 20 ways'],
    ['mask 0', {}, 0, 'out-of-range', 'expected 2 to 20 ways'],
    ['more than there are', {}, 21, 'out-of-range', 'expected 2 to 20 ways'],
    [
      'a foreign group',
      { '/sys/fs/resctrl/kube/tasks': '100\n', '/sys/fs/resctrl/kube/schemata': 'L3:0=f;2=f\n' },
      4,
      'not-allowed',
      '"kube"',
    ],
    [
      'no group left',
      { '/sys/fs/resctrl/info/L3/num_closids': '1\n' },
      4,
      'unsupported',
      'all 1 resctrl groups',
    ],
  ] as const) {
    it(`refuses: ${what}`, async () => {
      node = new Node({ ...RESCTRL, ...tree });
      const answer = await node.keeper().submit(request('c1', ways(count)));
      expect(answer.reason).to.equal(reason);
      expect(answer.outcome.message).to.include(text);
      expect(node.get('/sys/fs/resctrl/sage-rate/schemata')).to.equal(undefined);
    });
  }

  it('says what the kernel says, and rolls back', async () => {
    node = new Node(RESCTRL);
    const base = node.system();
    const system = {
      ...base,
      write: (path: string) => {
        throw new Error(`EINVAL: ${path}`);
      },
    };
    const { outcome } = await node.keeper(node.site(node.config(), system)).submit(request('c1', ways(4)));
    expect(outcome.status).to.equal('failed');
    expect(outcome.message).to.include('non-consecutive 1-bits');
    expect(node.get('/sys/fs/resctrl/sage-rate/schemata')).to.equal(undefined);
    unwrap(await node.keeper().close());
  });

  it('takes a thread that has ended for no failure', async () => {
    node = new Node(RESCTRL);
    const base = node.system();
    const system = {
      ...base,
      append: (path: string, text: string) => {
        if (text === '101\n') throw Object.assign(new Error('no such process'), { code: 'ESRCH' });
        base.append(path, text);
      },
    };
    const { outcome } = await node.keeper(node.site(node.config(), system)).submit(request('c1', ways(4)));
    expect(outcome.status).to.equal('applied');
    expect(node.get('/sys/fs/resctrl/sage-rate/tasks')).to.equal('100\n');
  });
});
