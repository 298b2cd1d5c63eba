import { readFile } from 'node:fs/promises';
import type { Application, RunningComponent } from '../application/index.js';
import { askJson } from './http.js';
import type { Injected } from './inject.js';

/**
 * The scheduler is fair, and delays a component a little at each wake-up; a quota that neighbours spend holds it up for
 * the rest of a period. One that calls others wakes up several times a request, a leaf of the call tree once, so that it
 * takes more neighbours to be felt.
 */
const NEIGHBOURS = { kernel: { caller: 3, leaf: 12 }, user: { caller: 5, leaf: 8 } };

/** Busy neighbours of the component: in its control group, or on its core in its scheduler group. */
export async function startCpuFault(
  application: Application,
  component: RunningComponent,
  fetch: typeof globalThis.fetch,
): Promise<Injected> {
  const kernel = application.isolation === 'kernel';
  const count = NEIGHBOURS[application.isolation][component.pools.length > 0 ? 'caller' : 'leaf'];
  const set = (neighbours: number) =>
    askJson(fetch, `${component.url}/-/faults/neighbours`, { method: 'POST', body: { count: neighbours } });
  await set(count);
  const means = kernel
    ? `${count} busy processes inside the control group of ${component.name}, which spend its quota`
    : `${count} busy processes on the core of ${component.name}, ${await groupWords()}`;
  return { means, undo: async () => void (await set(0)) };
}

async function groupWords(): Promise<string> {
  const enabled = await readFile('/proc/sys/kernel/sched_autogroup_enabled', 'utf8').catch(() => '0');
  return enabled.trim() === '1'
    ? 'in its scheduler group, so that mostly it suffers'
    : 'in no scheduler group of their own (autogroups are off), so that all on that core suffer';
}
