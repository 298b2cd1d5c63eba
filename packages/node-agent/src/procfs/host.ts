/** Busy and total ticks per processor. */
export type CpuTimes = ReadonlyMap<number, { readonly busy: number; readonly total: number }>;

/**
 * /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice. Guest time is in user already.
 *
 *     cpu0 3663 0 2341 132526 69 0 22 618 0 0
 *     cpu1 5591 0 3453 127880 1176 0 124 715 0 0
 */
export function parseCpuTimes(text: string): CpuTimes {
  const times = new Map<number, { busy: number; total: number }>();
  for (const match of text.matchAll(/^cpu(\d+) (.+)$/gm)) {
    const fields = (match[2] as string).trim().split(/\s+/).slice(0, 8).map(Number);
    const total = fields.reduce((sum, value) => sum + value, 0);
    const idle = (fields[3] ?? 0) + (fields[4] ?? 0);
    times.set(Number(match[1]), { busy: total - idle, total });
  }
  return times;
}

/** Busy share of the given processors between two readings, 0..1; undefined where no time has passed. */
export function busyRatio(before: CpuTimes, after: CpuTimes, cpus: readonly number[]): number | undefined {
  let busy = 0;
  let total = 0;
  for (const cpu of cpus) {
    const a = before.get(cpu);
    const b = after.get(cpu);
    if (a === undefined || b === undefined) continue;
    busy += b.busy - a.busy;
    total += b.total - a.total;
  }
  return total > 0 ? Math.min(1, Math.max(0, busy / total)) : undefined;
}

export interface InterfaceBytes {
  readonly received: number;
  readonly transmitted: number;
}

/**
 * /proc/PID/net/dev, summed over all interfaces but loopback:
 *
 *     lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
 *     eth0: 454919454   10943    0    0    0     0          0         0   900910    7325    0    0    0     0       0          0
 */
export function parseNetDev(text: string): InterfaceBytes {
  let received = 0;
  let transmitted = 0;
  for (const match of text.matchAll(/^\s*([^\s:]+):\s*(.+)$/gm)) {
    if (match[1] === 'lo') continue;
    const fields = (match[2] as string).trim().split(/\s+/).map(Number);
    received += fields[0] ?? 0;
    transmitted += fields[8] ?? 0;
  }
  return { received, transmitted };
}
