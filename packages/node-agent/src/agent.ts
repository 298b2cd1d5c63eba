import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
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
import { type AgentConfig, isLoopback } from './config.js';
import type { Site } from './drivers/site.js';
import { createApi } from './http.js';
import { Journal } from './journal.js';
import { Keeper } from './keeper.js';
import { createMetrics } from './metrics.js';
import type { ActionRequest } from './request.js';
import { Sampler } from './sampling/sampler.js';
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
  const token = readToken(config);
  if (!token.ok) return token;
  // The configuration may come from code, which nobody has checked.
  if (token.value === undefined && !isLoopback(config.listen.host)) {
    return failure('config', `listening on ${config.listen.host} needs a token_file`);
  }
  const server = createServer();
  // Before the journal is read: of two agents with one configuration the second ends here, not undoing the first's work.
  const bound = await listen(server, config);
  if (!bound.ok) return bound;
  const opened = Journal.open(config.journal);
  if (!opened.ok) {
    server.close();
    return opened;
  }
  const { journal, damagedLines } = opened.value;
  if (damagedLines > 0)
    deps.logger.warn('journal lines could not be read and were dropped', { damagedLines });

  const system = deps.system ?? createSystem({ sysRoot: config.sysRoot, fetch: deps.fetch });
  const groups = new ControlGroups(system, deps.monotonicMs);
  const site: Site = { system, config, groups, ownPid: deps.pid };
  const keeper = new Keeper(site, journal, deps);
  const sampler = new Sampler(site, deps);
  const targets = () => readTargetStates(site, sampler);
  let ready = false;
  const api = createApi({
    keeper,
    samples: () => sampler.samples,
    targets,
    metrics: createMetrics(sampler, keeper),
    isReady: () => ready,
    token: token.value,
    logger: deps.logger,
  });
  server.on('request', api);

  await keeper.restore();
  sampler.start();
  await sampler.sample();
  ready = true;
  const onError = (error: unknown) => deps.logger.error('tick failed', { error: errorMessage(error) });
  const timer = setInterval(() => {
    sampler.sample().catch(onError);
    keeper.expire().catch(onError);
  }, TICK_MS);

  const { port } = server.address() as AddressInfo;
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
  deps.logger.info('listening', { url: `http://${host}:${port}`, node: config.node, dryRun: config.dryRun });
  return success({
    url: `http://${host}:${port}`,
    port,
    targets,
    samples: () => sampler.samples,
    actions: () => keeper.outcomes,
    apply: async (request) => (await keeper.submit(request)).outcome,
    release: async (id) => (await keeper.release(id))?.outcome,
    close: async () => {
      ready = false;
      clearInterval(timer);
      sampler.stop();
      server.close();
      server.closeIdleConnections();
      const undone = await keeper.close();
      server.closeAllConnections();
      return undone;
    },
  });
}

function readToken(config: AgentConfig): Outcome<string | undefined, 'config'> {
  if (config.tokenFile === undefined) return success(undefined);
  try {
    const token = readFileSync(config.tokenFile, 'utf8').trim();
    return token === '' ? failure('config', `token_file ${config.tokenFile} is empty`) : success(token);
  } catch (error) {
    return failure('config', `token_file cannot be read: ${errorMessage(error)}`);
  }
}

function listen(server: Server, config: AgentConfig): Promise<Outcome<void, 'listen'>> {
  const { host, port } = config.listen;
  return new Promise((resolve) => {
    server.once('error', (error) =>
      resolve(failure('listen', `cannot listen on ${host}:${port}: ${error.message}`)),
    );
    server.listen({ host, port }, () => resolve(success(undefined)));
  });
}
