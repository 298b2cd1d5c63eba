import type { AgentTarget, Application, RunningComponent } from '../application/index.js';
import { runTool } from '../application/index.js';
import { startBulkCopy } from './bulk-copy.js';
import { askJson } from './http.js';
import type { Injected } from './inject.js';

/** Each way. */
const USER_DELAY_MS = 60;
/** Several times what any component's callers and callees send it. */
const NARROW_MBIT = 8;
/** More than the narrow link carries, so that it is always full, and next to nothing for the link as it should be. */
const COPY_OVER_LINK = 1.25;
/** How long a packet waits: one that comes in from callers only once a request, or with the answers of callees, too. */
const WAIT_MS = { leaf: 150, caller: 60 };

/** A slow link: narrowed and filled by a bulk copy in the kernel, or delayed by the relay. */
export function startNetworkFault(
  application: Application,
  component: RunningComponent,
  fetch: typeof globalThis.fetch,
): Promise<Injected> {
  const target = application.agentTargets.find((one) => one.name === component.name);
  if (target?.link !== undefined) return narrow(component, target.link, application.env);
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
  env: NodeJS.ProcessEnv,
): Promise<Injected> {
  const shape = (mbit: number) =>
    runTool('tc', [
      ...['class', 'change', 'dev', link.device, 'parent', '1:', 'classid', link.classid],
      ...['htb', 'rate', `${mbit}mbit`, 'ceil', `${mbit}mbit`, 'quantum', '1514'],
    ]);
  const waitMs = WAIT_MS[component.pools.length > 0 ? 'caller' : 'leaf'];
  const bytesPerSecond = (NARROW_MBIT * 1e6) / 8;
  const stopCopy = await startBulkCopy(component, {
    windowBytes: (bytesPerSecond * waitMs) / 1000,
    bytesPerSecond: COPY_OVER_LINK * bytesPerSecond,
    env,
  });
  try {
    await shape(NARROW_MBIT);
  } catch (error) {
    await stopCopy();
    throw error;
  }
  return {
    means:
      `the link of ${component.name} is shaped down from ${link.max_mbit} to ${NARROW_MBIT} Mbit/s, ` +
      `and a bulk copy fills it: packets wait ${waitMs} ms`,
    undo: async () => {
      await stopCopy();
      await shape(link.max_mbit);
    },
  };
}
