import type { System } from '../system.js';

/** What a limit has to leave above the use: what is allocated while it is being set, and what reclaim cannot take. */
const MARGIN_RATIO = 0.1;

/**
 * Bytes that a group cannot do without: its use less the cache that it has not touched lately, which the kernel takes back
 * first (the working set, as the kubelet counts it). `memory.current` and `memory.stat` of v2, or
 * `memory.usage_in_bytes` and `memory.stat` of v1, there with all groups below:
 *
 *     52428800
 *     inactive_file 1048576          total_inactive_file 1048576
 */
export function readMemoryUse(system: System, directory: string): number | undefined {
  const text =
    system.read(`${directory}/memory.current`) ?? system.read(`${directory}/memory.usage_in_bytes`);
  if (text === undefined || !/^\d+\s*$/.test(text)) return undefined;
  const stat = system.read(`${directory}/memory.stat`) ?? '';
  const inactive = /^total_inactive_file (\d+)$/m.exec(stat) ?? /^inactive_file (\d+)$/m.exec(stat);
  return Math.max(0, Number(text) - Number(inactive?.[1] ?? 0));
}

/** The lowest limit that does not make the kernel kill for the given use. */
export function leastMemoryLimit(usedBytes: number): number {
  return Math.ceil((1 + MARGIN_RATIO) * usedBytes);
}

/**
 * /proc/meminfo:
 *
 *     MemTotal:       24684084 kB
 */
export function readTotalMemory(system: System): number | undefined {
  const match = /^MemTotal:\s+(\d+) kB$/m.exec(system.read('/proc/meminfo') ?? '');
  return match === null ? undefined : 1024 * Number(match[1]);
}
