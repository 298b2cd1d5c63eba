import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRng, errorMessage, type Logger } from '@sage/core';
import type { Pool } from '@sage/instrumentation/pool';
import type { Topology } from '../topology/topology.js';
import { Admin } from './admin.js';
import { Admission } from './admission.js';
import { Caller } from './caller.js';
import type { ComponentConfig } from './config.js';
import { Neighbours } from './neighbours.js';
import { createService, type RequestHandler } from './service.js';
import { createCache, createDatabase } from './store.js';
import { startTracing, type Tracing } from './tracing.js';

/** Longer than callers keep idle connections. */
const KEEP_ALIVE_MS = 120_000;

export interface Component {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts one component of the application in this process. Throws where it cannot. */
export async function startComponent(
  config: ComponentConfig,
  options: { readonly topology: Topology; readonly log: Logger },
): Promise<Component> {
  const { log } = options;
  const tracing = await startTracing(config);
  const callers = new Map<string, Caller>();
  const pools: Pool[] = [];
  for (const [target, address] of Object.entries(config.peers)) {
    const pool = tracing.createPool({ name: target, size: config.poolSize });
    pools.push(pool);
    callers.set(target, new Caller(target, { address, pool, tracing }));
  }
  const rng = createRng(config.seed).fork(config.name);
  const neighbours = new Neighbours(config.neighbour);
  const { setSamplingRatio } = tracing;
  const admin = new Admin({ pools, neighbours, rng: rng.fork('faults'), setSamplingRatio });
  const handle = createHandler(config, { ...options, callers, rng, tracing });
  const admission = new Admission({ concurrency: config.concurrency, queue: config.queue });
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const done = request.url?.startsWith('/-/')
      ? admin.handle(request, response)
      : answer(request, response, { handle, admission, log });
    done.catch((error: unknown) => {
      log.error('a request was not answered', { error: errorMessage(error) });
      response.destroy();
    });
  });
  await listen(server, config);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      await admin.close();
      server.close();
      server.closeAllConnections();
      for (const caller of callers.values()) caller.close();
      const flushed = await tracing.shutdown();
      if (!flushed.ok) log.warn(flushed.message);
    },
  };
}

function createHandler(
  config: ComponentConfig,
  options: {
    readonly topology: Topology;
    readonly callers: ReadonlyMap<string, Caller>;
    readonly rng: ReturnType<typeof createRng>;
    readonly tracing: Tracing;
    readonly log: Logger;
  },
): RequestHandler {
  const { topology, callers, rng, tracing, log } = options;
  const description = topology.components.find((component) => component.name === config.name);
  if (description === undefined) throw new Error(`the topology has no component ${config.name}`);
  if (description.kind === 'web' || description.kind === 'logic') {
    return createService({
      topology,
      name: config.name,
      callers,
      rng,
      tracing,
      missRatio: config.missRatio,
      onAsyncError: (error) => log.warn('work that nobody waits for failed', { error: errorMessage(error) }),
    });
  }
  const store = description.kind === 'cache' ? createCache(rng) : createDatabase(rng);
  return (request) => {
    const url = new URL(request.url ?? '/', 'http://component');
    if (url.pathname !== '/store') return undefined;
    return Promise.resolve(store(url.searchParams.get('operation') ?? ''));
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  using: { readonly handle: RequestHandler; readonly admission: Admission; readonly log: Logger },
): Promise<void> {
  request.resume();
  if (!(await using.admission.enter())) {
    end(response, 503, JSON.stringify({ error: 'too many requests are waiting' }));
    return;
  }
  try {
    const work = using.handle(request);
    if (work === undefined) {
      end(response, 404, JSON.stringify({ error: `nothing answers ${request.method} ${request.url}` }));
    } else {
      end(response, 200, await work);
    }
  } catch (error) {
    using.log.warn('a request failed', { url: request.url, error: errorMessage(error) });
    end(response, 500, JSON.stringify({ error: errorMessage(error) }));
  } finally {
    using.admission.leave();
  }
}

function end(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function listen(server: Server, config: ComponentConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: config.host, port: config.port, backlog: 511 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
