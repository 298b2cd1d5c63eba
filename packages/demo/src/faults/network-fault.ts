import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentTarget, Application, RunningComponent } from '../application/index.js';
import { runTool } from '../application/index.js';
import { askJson } from './http.js';
import type { Injected } from './inject.js';

/** Each way. */
const USER_DELAY_MS = 60;
const MEASURE_MS = 4000;
/** Above the measured traffic, so that most of what queues up drains again. */
const HEADROOM = 1.2;
/** Below this a single packet would take a second. */
const LEAST_KBIT = 16;

/** A slow link: shaped to hardly more than its traffic in the kernel, or delayed by the relay. */
export function startNetworkFault(
  application: Application,
  component: RunningComponent,
  fetch: typeof globalThis.fetch,
): Promise<Injected> {
  const target = application.agentTargets.find((one) => one.name === component.name);
  if (target?.link !== undefined) return narrow(component, target.link);
  if (target?.relay !== undefined) return delay(component, target.relay, fetch);
  throw new Error(`${component.name} has no link that can be slowed down`);
}

async function delay(
  component: RunningComponent,
  relay: NonNullable<AgentTarget['relay']>,
  fetch: typeof globalThis.fetch,
): Promise<Injected> {
  const set = (delayMs: number) =>
    askJson(fetch, `${relay.url}/links/${relay.link}`, { method: 'PUT', body: { delayMs } });
  await set(USER_DELAY_MS);
  return {
    means: `the relay in front of ${component.name} delays its link by ${USER_DELAY_MS} ms each way`,
    undo: async () => void (await set(relay.nominal_delay_ms)),
  };
}

async function narrow(
  component: RunningComponent,
  link: NonNullable<AgentTarget['link']>,
): Promise<Injected> {
  const before = await transmittedBytes(link.device);
  await sleep(MEASURE_MS);
  const bytes = (await transmittedBytes(link.device)) - before;
  const kbit = Math.max(LEAST_KBIT, Math.ceil((HEADROOM * bytes * 8) / MEASURE_MS));
  const change = (rate: string, burst: readonly string[] = []) =>
    runTool('tc', [
      ...['class', 'change', 'dev', link.device, 'parent', '1:', 'classid', link.classid],
      ...['htb', 'rate', rate, 'ceil', rate, 'quantum', '1514', ...burst],
    ]);
  // Without credit saved up between requests, each waits for the ones just before it.
  await change(`${kbit}kbit`, ['burst', '100b', 'cburst', '100b']);
  return {
    means: `the link of ${component.name} is shaped down from ${link.max_mbit} Mbit/s to ${kbit} kbit/s`,
    undo: async () => void (await change(`${link.max_mbit}mbit`)),
  };
}

/** From the namespace's own view; `/sys/class/net` may still show the one it was mounted in. */
async function transmittedBytes(device: string): Promise<number> {
  // "sage-10: 1296 16 0 0 0 0 0 0 1426 17 0 …": eight fields of receiving, then bytes sent
  const table = await readFile('/proc/net/dev', 'utf8');
  const line = table.split('\n').find((one) => one.trim().startsWith(`${device}:`));
  const bytes = Number(line?.split(':')[1]?.trim().split(/\s+/)[8]);
  if (Number.isNaN(bytes)) throw new Error(`there is no device ${device}`);
  return bytes;
}
