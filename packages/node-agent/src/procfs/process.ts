import type { System } from '../system.js';
import { parseCpuList } from './cpu-list.js';

export interface ProcessStat {
  readonly pid: number;
  /** One letter; `T` is stopped. */
  readonly state: string;
  readonly majorFaults: number;
  /** Ticks of 10 ms, user and system. */
  readonly cpuTicks: number;
  /** Ticks since boot: with the pid it names a process for good. */
  readonly startTicks: number;
  readonly blockIoDelayTicks: number;
}

/** Ticks a second of every time in /proc: USER_HZ, the same on all Linux ports that run Node. */
export const TICKS_PER_SECOND = 100;

/**
 * /proc/PID/stat. The command stands in parentheses and may hold spaces and parentheses itself:
 *
 *     7712 (cat) R 7707 7707 4659 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 139287 3133440 393 …
 *     12 (a b) c) S 1 12 12 0 -1 4194304 99 0 3 0 150 50 0 0 20 0 11 0 4242 3133440 393 …
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const close = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  // Field 3 (state) comes first after the command: field n of proc(5) is at n - 3.
  const fields = text
    .slice(close + 1)
    .trim()
    .split(/\s+/);
  const field = (n: number) => Number(fields[n - 3]);
  if (close < 0 || !Number.isInteger(pid) || fields.length < 20 || !Number.isFinite(field(22)))
    return undefined;
  return {
    pid,
    state: fields[0] as string,
    majorFaults: field(12),
    cpuTicks: field(14) + field(15),
    startTicks: field(22),
    blockIoDelayTicks: fields.length > 39 ? field(42) : 0,
  };
}

export function readProcessStat(system: System, pid: number): ProcessStat | undefined {
  const text = system.read(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseProcessStat(text);
}

export interface SchedStat {
  readonly runNs: number;
  readonly waitNs: number;
}

/**
 * /proc/PID/task/TID/schedstat: time on the processor, time waiting on a run queue (both ns), slices.
 *
 *     303566 0 1
 *     549732 58017 2
 */
export function parseSchedStat(text: string): SchedStat | undefined {
  const match = /^(\d+) (\d+) \d+/.exec(text);
  return match === null ? undefined : { runNs: Number(match[1]), waitNs: Number(match[2]) };
}

/** By thread, so that threads that end take nothing back from a sum. */
export function readSchedStats(system: System, pid: number): ReadonlyMap<string, SchedStat> {
  const threads = new Map<string, SchedStat>();
  for (const tid of system.list(`/proc/${pid}/task`)) {
    const stat = parseSchedStat(system.read(`/proc/${pid}/task/${tid}/schedstat`) ?? '');
    if (stat !== undefined) threads.set(tid, stat);
  }
  return threads;
}

export interface ProcessStatus {
  readonly residentBytes: number | undefined;
  readonly allowedCpus: readonly number[];
}

/**
 * /proc/PID/status:
 *
 *     VmRSS:	   51200 kB
 *     Cpus_allowed_list:	0-1
 */
export function parseProcessStatus(text: string): ProcessStatus {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(text);
  return {
    residentBytes: rss === null ? undefined : 1024 * Number(rss[1]),
    allowedCpus: parseCpuList(/^Cpus_allowed_list:\s+(\S+)$/m.exec(text)?.[1] ?? ''),
  };
}

export function readProcessStatus(system: System, pid: number): ProcessStatus | undefined {
  const text = system.read(`/proc/${pid}/status`);
  return text === undefined ? undefined : parseProcessStatus(text);
}

/**
 * /proc/PID/io, readable by the same user or root only:
 *
 *     read_bytes: 4096
 *     write_bytes: 8192
 *     cancelled_write_bytes: 0
 */
export function parseIoBytes(text: string): number | undefined {
  const field = (key: string) => Number(new RegExp(`^${key}: (\\d+)$`, 'm').exec(text)?.[1]);
  const bytes = field('read_bytes') + field('write_bytes') - field('cancelled_write_bytes');
  return Number.isFinite(bytes) ? bytes : undefined;
}

/** /proc/PID/cmdline, arguments parted by NUL, as one line for people and for the allow-list. */
export function readCommandLine(system: System, pid: number): string {
  return (system.read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
}

export function listPids(system: System): readonly number[] {
  return system
    .list('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}
