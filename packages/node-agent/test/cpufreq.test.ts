import { expect } from 'chai';
import { Sampler } from '../src/sampling/sampler.js';
import { readTargetState } from '../src/target-state.js';
import { Node, processFiles, request, type Tree } from './fixture.js';
import { expectRefusal, expectWrites, snapshot } from './group-trees.js';

const POLICIES = '/sys/devices/system/cpu/cpufreq';
const CONFIG = 'targets: [{ name: rate, pids: [100] }]';
const frequency = (minKhz: number) => ({ kind: 'cpu-frequency', target: 'rate', minKhz }) as const;
const file = (policy: number, name: string) => `${POLICIES}/policy${policy}/${name}`;
const min = (policy: number) => file(policy, 'scaling_min_freq');
const max = (policy: number) => file(policy, 'scaling_max_freq');

function policy(number: number, files: Readonly<Record<string, string>>): Tree {
  const all = {
    affected_cpus: `${number}`,
    related_cpus: `${number}`,
    cpuinfo_min_freq: '800000',
    cpuinfo_max_freq: '3600000',
    scaling_cur_freq: '1000000',
    scaling_min_freq: '800000',
    scaling_max_freq: '3600000',
    ...files,
  };
  return Object.fromEntries(Object.entries(all).map(([name, text]) => [file(number, name), `${text}\n`]));
}

/** The files that each scaling driver shows, as its document in the kernel's Documentation/admin-guide/pm has them. */
const DRIVERS = {
  'intel_pstate, active': {
    scaling_driver: 'intel_pstate',
    scaling_governor: 'powersave',
    scaling_available_governors: 'performance powersave',
    energy_performance_preference: 'balance_performance',
    base_frequency: '2400000',
    scaling_setspeed: '<unsupported>',
  },
  'intel_pstate, passive': {
    scaling_driver: 'intel_cpufreq',
    scaling_governor: 'schedutil',
    scaling_available_governors: 'conservative ondemand userspace powersave performance schedutil',
    scaling_setspeed: '<unsupported>',
  },
  'acpi-cpufreq under userspace': {
    scaling_driver: 'acpi-cpufreq',
    scaling_governor: 'userspace',
    scaling_available_frequencies: '3600000 2400000 1600000 800000 ',
    scaling_setspeed: '1600000',
    bios_limit: '3600000',
  },
  'the generic powersave': { scaling_driver: 'acpi-cpufreq', scaling_governor: 'powersave' },
  'amd-pstate, active': {
    scaling_driver: 'amd-pstate-epp',
    scaling_governor: 'powersave',
    scaling_available_governors: 'performance powersave',
    energy_performance_preference: 'balance_power',
    amd_pstate_lowest_nonlinear_freq: '1700000',
    boost: '1',
  },
  'amd-pstate, guided or passive': { scaling_driver: 'amd-pstate', scaling_governor: 'ondemand' },
  cppc_cpufreq: { scaling_driver: 'cppc_cpufreq', scaling_governor: 'conservative', freqdomain_cpus: '0 1' },
} as const;

describe('drivers of cpufreq', () => {
  let node: Node;
  afterEach(() => node.remove());

  for (const [name, files] of Object.entries(DRIVERS)) {
    it(`${name}: the minimum of the target’s processors alone is raised, and nothing else is touched`, async () => {
      node = new Node({
        ...policy(0, files),
        ...policy(1, files),
        ...policy(2, files),
        ...processFiles(100, '1-2'),
      });
      await expectWrites(node, CONFIG, frequency(2_000_000), [
        [min(1), '2000000', '800000'],
        [min(2), '2000000', '800000'],
      ]);
    });
  }

  it('a minimum is lowered without touching the maximum', async () => {
    const files = { scaling_min_freq: '3000000', scaling_max_freq: '3200000' };
    node = new Node({ ...policy(0, files), ...processFiles(100, '0') });
    await expectWrites(node, CONFIG, frequency(1_000_000), [[min(0), '1000000', '3000000']]);
  });

  it('the governor performance below the top of the hardware: maximum, then minimum', async () => {
    const files = { scaling_governor: 'performance', scaling_max_freq: '2000000' };
    node = new Node({ ...policy(0, files), ...processFiles(100, '0') });
    await expectWrites(node, CONFIG, frequency(3_000_000), [
      [max(0), '3000000', '2000000'],
      [min(0), '3000000', '800000'],
    ]);
  });

  it('the governor performance is fast enough up to its maximum', async () => {
    const files = { scaling_governor: 'performance', scaling_max_freq: '2000000' };
    node = new Node({ ...policy(0, files), ...processFiles(100, '0') });
    const { outcome } = await node
      .keeper(node.site(node.config(CONFIG)))
      .submit(request('f', frequency(1_500_000)));
    expect(outcome.status).to.equal('unchanged');
  });

  it('a policy is changed whole where the target runs on all of its online processors', async () => {
    const shared = { affected_cpus: '0 1', related_cpus: '0 1 2 3' };
    node = new Node({ ...policy(0, shared), ...processFiles(100, '0-3') });
    await expectWrites(node, CONFIG, frequency(2_000_000), [[min(0), '2000000', '800000']]);
  });

  const noTurbo = { '/sys/devices/system/cpu/intel_pstate/no_turbo': '1\n' };
  const percent = { '/sys/devices/system/cpu/intel_pstate/max_perf_pct': '50\n' };
  for (const [what, tree, most] of [
    ['the hardware', policy(0, {}), 3_600_000],
    [
      'the base frequency without turbo',
      { ...policy(0, { base_frequency: '2400000' }), ...noTurbo },
      2_400_000,
    ],
    ['max_perf_pct', { ...policy(0, {}), ...percent }, 1_800_000],
    ['the firmware', policy(0, { bios_limit: '3000000' }), 3_000_000],
    ['boost switched off', policy(0, { cpuinfo_max_freq: '2500000', boost: '0' }), 2_500_000],
  ] as const) {
    it(`${what} bounds the frequency`, async () => {
      node = new Node({ ...tree, ...processFiles(100, '0') });
      await expectRefusal(node, CONFIG, frequency(most + 1), [
        'out-of-range',
        `expected 800000 to ${most} kHz`,
      ]);
      const site = node.site(node.config(CONFIG));
      const sampler = new Sampler(site, { clock: node.clock, monotonicMs: () => 0 });
      const state = await readTargetState(site, site.config.targets[0] as never, sampler);
      expect(state.cpuFrequencyKhz).to.deep.equal({ currentMin: 800_000, max: most });
    });
  }

  for (const [what, tree, khz, why] of [
    [
      'a policy with a processor where the target does not run',
      { ...policy(0, { affected_cpus: '0 1 4' }), ...processFiles(100, '0') },
      2_000_000,
      ['unsupported', 'policy0 sets the frequency of cpu 1,4, too'],
    ],
    [
      'all at the top',
      {
        ...policy(0, { scaling_governor: 'performance' }),
        ...policy(1, { scaling_min_freq: '3600000' }),
        ...processFiles(100, '0-1'),
      },
      2_000_000,
      ['unsupported', 'runs at its maximum already'],
    ],
    [
      'processors that are offline',
      {
        ...policy(0, { affected_cpus: '', scaling_min_freq: '<unsupported>', scaling_cur_freq: '<unknown>' }),
        ...processFiles(100, '0'),
      },
      2_000_000,
      ['unsupported', 'no cpufreq policy for cpu 0'],
    ],
    ['a fraction', { ...policy(0, {}), ...processFiles(100, '0') }, 2_000_000.5, ['out-of-range', 'kHz']],
    ['nobody running', policy(0, {}), 2_000_000, ['unsupported', 'no process of rate runs']],
  ] as const satisfies readonly (readonly [string, Tree, number, readonly [string, string]])[]) {
    it(`refuses ${what}`, async () => {
      node = new Node(tree);
      await expectRefusal(node, CONFIG, frequency(khz), why);
    });
  }

  it('notices that the hardware has not taken a value, and puts back what was there', async () => {
    node = new Node({ ...policy(0, {}), ...policy(1, {}), ...processFiles(100, '0-1') });
    const before = snapshot(node);
    const base = node.system();
    // A table of frequencies may round; the kernel then shows what it took.
    const write = (path: string, text: string) =>
      base.write(path, path === min(1) && text === '2000000' ? '1900000' : text);
    const site = node.site(node.config(CONFIG), { ...base, write });
    const { outcome } = await node.keeper(site).submit(request('f', frequency(2_000_000)));
    expect(outcome.status).to.equal('failed');
    expect(outcome.message).to.include('reads "1900000" after "2000000" was written');
    expect(snapshot(node)).to.deep.equal(before);
  });
});
