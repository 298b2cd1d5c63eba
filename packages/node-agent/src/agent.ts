import type { AddressInfo } from 'node:net';
import {
  type Clock,
  errorMessage,
  failure,
  type Logger,
  type MetricSample,
  type NodeActionOutcome,
  type Outcome,
  success,
  type TargetState,
} from '@sage/core';
import { readCapabilities } from './capabilities.js';
import { type AgentConfig, isLoopback, openToTheWorld } from './config.js';
import { type Credentials, readCredentials } from './credentials.js';
import type { Site } from './drivers/site.js';
import { createApi } from './http.js';
import { Journal } from './journal.js';
import type { JournalFiles } from './journal-file.js';
import { Keeper } from './keeper.js';
import { type Lock, takeLock } from './lock.js';
import { createMetrics } from './metrics.js';
import type { ActionRequest } from './request.js';
import { Sampler } from './sampling/sampler.js';
import { type ApiServer, createApiServer, listen } from './server.js';
import { createSystem, type System } from './system.js';
import { readTargetStates } from './target-state.js';
import { ControlGroups } from './targets/control-groups.js';

export interface AgentDeps {
  readonly clock: Clock;
  /** Milliseconds from any start that never run backwards. */
  readonly monotonicMs: () => number;
  readonly fetch: typeof fetch;
  readonly logger: Logger;
  /** The agent's own process id, which it never limits. */
  readonly pid: number;
  /** Of `config.sysRoot` when absent. */
  readonly system?: System;
  /** Where the journal is; the disk when absent. */
  readonly files?: JournalFiles;
}

export interface Agent {
  readonly url: string;
  readonly port: number;
  targets(): Promise<readonly TargetState[]>;
  samples(): readonly MetricSample[];
  actions(): readonly NodeActionOutcome[];
  apply(request: ActionRequest): Promise<NodeActionOutcome>;
  /** undefined for an id never seen. */
  release(id: string): Promise<NodeActionOutcome | undefined>;
  /** Reads the token and the certificates anew; those that are wrong change nothing. */
  reload(): Outcome<void, 'config'>;
  /** Stops listening and undoes everything in force; fails naming what could not be undone. */
  close(): Promise<Outcome<void, 'undo'>>;
}

export type StartFailure = 'config' | 'listen' | 'journal';

const TICK_MS = 1000;

/** Listens, restores what an earlier process left in force, then samples and serves until closed. */
export async function startAgent(
  config: AgentConfig,
  deps: AgentDeps,
): Promise<Outcome<Agent, StartFailure>> {
  const read = readCredentials(config);
  if (!read.ok) return read;
  // The configuration may come from code, which nobody has checked.
  const knowsClients = read.value.token !== undefined || read.value.tls?.ca !== undefined;
  if (!knowsClients && !isLoopback(config.listen.host)) {
    return failure('config', openToTheWorld(config.listen.host));
  }
  const api = createApiServer(read.value);
  const bound = await listen(api.server, config.listen);
  if (!bound.ok) return bound;
  const opened = takeJournal(config, deps);
  if (!opened.ok) {
    api.server.close();
    return opened;
  }
  return success(await serve(config, deps, { api, ...opened.value, credentials: read.value }));
}

interface Opened {
  readonly lock: Lock;
  readonly journal: Journal;
  readonly damagedLines: number;
}

/** Only who holds the lock beside it reads the journal: undoing the work of a living agent would be the worst start. */
function takeJournal(config: AgentConfig, { pid, files, logger }: AgentDeps): Outcome<Opened, 'journal'> {
  const lock = takeLock(`${config.journal}.lock`, pid);
  if (!lock.ok) return failure('journal', `one agent writes to a node: ${lock.message}`);
  const opened = Journal.open(config.journal, files);
  if (!opened.ok) {
    lock.value.release();
    return opened;
  }
  const { journal, damagedLines, keptAt } = opened.value;
  if (damagedLines > 0) {
    const message = 'journal lines are damaged: what they say is not undone; the journal is kept as it was';
    logger.error(message, { damagedLines, keptAt });
  }
  return success({ lock: lock.value, journal, damagedLines });
}

async function serve(
  config: AgentConfig,
  deps: AgentDeps,
  { api, lock, journal, damagedLines, ...first }: Opened & { api: ApiServer; credentials: Credentials },
): Promise<Agent> {
  const { clock, logger } = deps;
  let { credentials } = first;
  let lastReloadSuccessful = true;
  let ready = false;
  const system = deps.system ?? createSystem({ sysRoot: config.sysRoot, fetch: deps.fetch });
  const groups = new ControlGroups(system, deps.monotonicMs);
  const site: Site = { system, config, groups, ownPid: deps.pid };
  const keeper = new Keeper(site, journal, deps);
  const sampler = new Sampler(site, deps);
  const targets = () => readTargetStates(site, sampler);
  const capabilities = async () => {
    const states = await targets();
    return Promise.all(
      config.targets.map((target, index) => readCapabilities(site, target, states[index] as TargetState)),
    );
  };
  api.server.on(
    'request',
    createApi({
      keeper,
      samples: () => sampler.samples,
      targets,
      capabilities,
      metrics: createMetrics(sampler, keeper, () => ({
        damagedJournalLines: damagedLines,
        lastReloadSuccessful,
      })),
      isReady: () => ready,
      credentials: () => credentials,
      allowedClients: config.tls?.allowedClients ?? [],
      clock,
      logger,
    }),
  );

  await keeper.restore();
  sampler.start();
  await sampler.sample();
  ready = true;
  const timers = [
    every(1000 * config.sampleSeconds, () => sampler.sample(), logger),
    every(TICK_MS, () => keeper.expire(), logger),
    every(1000 * config.drift.everySeconds, () => keeper.reconcile(), logger),
  ];
  const url = urlOf(config, api);
  logger.info('listening', { url, node: config.node, dryRun: config.dryRun });
  return {
    url,
    port: (api.server.address() as AddressInfo).port,
    targets,
    samples: () => sampler.samples,
    actions: () => keeper.outcomes,
    apply: async (request) => (await keeper.submit(request)).outcome,
    release: async (id) => (await keeper.release(id))?.outcome,
    reload() {
      const read = readCredentials(config);
      lastReloadSuccessful = read.ok;
      if (!read.ok) return read;
      credentials = read.value;
      api.renew(credentials);
      return success(undefined);
    },
    close: async () => {
      ready = false;
      for (const timer of timers) clearInterval(timer);
      sampler.stop();
      api.server.close();
      api.server.closeIdleConnections();
      const undone = await keeper.close();
      api.server.closeAllConnections();
      lock.release();
      return undone;
    },
  };
}

/** Does something at an interval, never twice at a time. */
function every(intervalMs: number, work: () => Promise<void>, logger: Logger): NodeJS.Timeout {
  let busy = false;
  return setInterval(async () => {
    if (busy) return;
    busy = true;
    try {
      await work();
    } catch (error) {
      logger.error('tick failed', { error: errorMessage(error) });
    } finally {
      busy = false;
    }
  }, intervalMs);
}

function urlOf({ listen: { host }, tls }: AgentConfig, { server }: ApiServer): string {
  const { port } = server.address() as AddressInfo;
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
