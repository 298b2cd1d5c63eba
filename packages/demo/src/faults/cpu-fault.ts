import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application, RunningComponent } from '../application/index.js';
import { askJson } from './http.js';
import type { Injected } from './inject.js';

/**
 * Neighbours that spend a quota: it holds the component up for the rest of each period. One that calls others wakes up
 * several times a request, a leaf of the call tree once, so that it takes more of them to be felt.
 */
const SPENDING_QUOTA = { caller: 3, leaf: 12 };

/** Without a quota, how much a neighbour hurts is the scheduler's secret: they become more until it hurts enough. */
const FIRST = 8;
const MORE = 4;
const MOST = 40;
const ENOUGH_WAITING = 0.55;
const MEASURE_MS = 2000;

/** Busy neighbours of the component: in its control group, or on its core in its scheduler group. */
export async function startCpuFault(
  application: Application,
  component: RunningComponent,
  fetch: typeof globalThis.fetch,
): Promise<Injected> {
  const set = (count: number) =>
    askJson(fetch, `${component.url}/-/faults/neighbours`, { method: 'POST', body: { count } });
  const undo = async () => void (await set(0));
  if (application.isolation === 'kernel') {
    const count = SPENDING_QUOTA[component.pools.length > 0 ? 'caller' : 'leaf'];
    await set(count);
    return {
      means: `${count} busy processes inside the control group of ${component.name}, which spend its quota`,
      undo,
    };
  }
  try {
    const count = await crowd(component.pid, set);
    return { means: `${count} busy processes on the core of ${component.name}, ${await groupWords()}`, undo };
  } catch (error) {
    await undo();
    throw error;
  }
}

/** Adds neighbours until the process waits for its core for more than half of the time; how many that took. */
async function crowd(pid: number, set: (count: number) => Promise<unknown>): Promise<number> {
  for (let count = FIRST; ; ) {
    await set(count);
    const before = await waitedMs(pid);
    await sleep(MEASURE_MS);
    const waiting = ((await waitedMs(pid)) - before) / MEASURE_MS;
    if (count >= MOST || waiting >= ENOUGH_WAITING) return count;
    count += waiting < ENOUGH_WAITING / 2 ? 2 * MORE : MORE;
  }
}

/** For how long the main thread of a process was ready and not running, since its start. */
async function waitedMs(pid: number): Promise<number> {
  // "1504833210 20338113 1402": on the processor and waiting for it, ns, and how many times it ran
  const [, waitedNs] = (await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ');
  return Number(waitedNs) / 1e6;
}

async function groupWords(): Promise<string> {
  const enabled = await readFile('/proc/sys/kernel/sched_autogroup_enabled', 'utf8').catch(() => '0');
  return enabled.trim() === '1'
    ? 'in its scheduler group, so that mostly it suffers'
    : 'in no scheduler group of their own (autogroups are off), so that all on that core suffer';
}
