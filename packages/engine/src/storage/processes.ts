import { readFile } from 'node:fs/promises';
import type { Processes } from './lock.js';

/** Those that the kernel knows of: boot and start time tell a process from another that got its id later. */
export function kernelProcesses(pid: number, procRoot = '/proc'): Processes {
  const read = (path: string) => readFile(`${procRoot}/${path}`, 'utf8').catch(() => '');
  return {
    pid,
    async startOf(of) {
      const stat = parseProcessStat(await read(`${of}/stat`));
      // A zombie holds nothing: it waits for its parent to notice.
      if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
      return `${(await read('sys/kernel/random/boot_id')).trim()}/${stat.startTicks}`;
    },
  };
}

/** `812 (node (sage)) S 1 812 812 0 -1 4194560 …`: state is the field after the name, the start is field 22. */
export function parseProcessStat(
  text: string,
): { readonly state: string; readonly startTicks: string } | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state && startTicks ? { state, startTicks } : undefined;
}
