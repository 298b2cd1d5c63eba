import { expect } from 'chai';
import { Node, processFiles, request, type Tree } from './fixture.js';

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
