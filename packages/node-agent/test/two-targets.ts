import { processFiles, type Tree } from './fixture.js';

const group = (path: string, pids: string, quotaUs: string): Tree => ({
  [`/sys/fs/cgroup/cpu${path}/cpu.cfs_quota_us`]: `${quotaUs}\n`,
  [`/sys/fs/cgroup/cpu${path}/cpu.cfs_period_us`]: '100000\n',
  [`/sys/fs/cgroup/cpu${path}/cpu.shares`]: '1024\n',
  [`/sys/fs/cgroup/cpu${path}/cgroup.procs`]: pids,
});

/** Two targets on processors that change frequency together, neighbours in a group with another process and alone in one, a cache that both share. */
export const TREE: Tree = {
  '/proc/self/mountinfo': '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n',
  ...group('', '', '-1'),
  ...group('/demo/a', '100\n', '20000'),
  ...group('/demo/b', '110\n', '-1'),
  ...group('/batch', '200\n201\n202\n', '-1'),
  ...group('/alone', '210\n', '-1'),
  ...processFiles(100, '0-1', 'node', '/demo/a'),
  ...processFiles(110, '0-1', 'node', '/demo/b'),
  ...processFiles(200, '0-1', 'stress', '/batch'),
  ...processFiles(201, '0-1', 'stress', '/batch'),
  ...processFiles(202, '0-1', 'other', '/batch'),
  ...processFiles(210, '0-1', 'stress', '/alone'),
  ...Object.fromEntries(
    Object.entries({
      affected_cpus: '0 1\n',
      cpuinfo_min_freq: '800000\n',
      cpuinfo_max_freq: '3600000\n',
      scaling_driver: 'acpi-cpufreq\n',
      scaling_governor: 'schedutil\n',
      scaling_min_freq: '800000\n',
      scaling_max_freq: '1600000\n',
    }).map(([file, text]) => [`/sys/devices/system/cpu/cpufreq/policy0/${file}`, text]),
  ),
  '/sys/fs/resctrl/schemata': '    L3:0=fffff;2=fffff\n',
  '/sys/fs/resctrl/tasks': '100\n110\n200\n201\n202\n210\n',
  '/sys/fs/resctrl/info/L3/cbm_mask': 'fffff\n',
  '/sys/fs/resctrl/info/L3/min_cbm_bits': '2\n',
  '/sys/fs/resctrl/info/L3/num_closids': '3\n',
  '/sys/fs/resctrl/info/L3/shareable_bits': 'c0000\n',
};
