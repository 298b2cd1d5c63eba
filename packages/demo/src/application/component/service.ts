import type { IncomingMessage } from 'node:http';
import type { Rng } from '@sage/core';
import { type Effects, runTree } from '../topology/interpreter.js';
import { collectHandlers, type Handler, type Topology } from '../topology/topology.js';
import type { Caller } from './caller.js';
import type { Tracing } from './tracing.js';
import { createWork } from './work.js';

export interface ServiceOptions {
  readonly topology: Topology;
  readonly name: string;
  readonly callers: ReadonlyMap<string, Caller>;
  readonly rng: Rng;
  readonly tracing: Tracing;
  readonly missRatio: number;
  readonly onAsyncError: (error: unknown) => void;
}

/** Answers a request with JSON; undefined where nothing answers to it. */
export type RequestHandler = (request: IncomingMessage) => Promise<string> | undefined;

/** A service: finds the handler of a request and does what its tree says, inside the handler's span. */
export function createService(options: ServiceOptions): RequestHandler {
  const operations = collectHandlers(options.topology).get(options.name) ?? new Map<string, Handler>();
  const entries = new Map<string, Handler>();
  for (const endpoint of options.topology.endpoints) {
    if (endpoint.entry !== options.name) continue;
    entries.set(`${endpoint.method} ${endpoint.path}`, { span: endpoint.rootSpan, tree: endpoint.tree });
  }
  const work = createWork(options.rng.fork('work'));
  return (request) => {
    const url = new URL(request.url ?? '/', 'http://component');
    const handler =
      url.pathname === '/call'
        ? operations.get(url.searchParams.get('operation') ?? '')
        : entries.get(`${request.method} ${url.pathname}`);
    if (handler === undefined) return undefined;
    return options.tracing.withServerSpan(request, handler.span, () => serve(handler, options, work));
  };
}

async function serve(
  handler: Handler,
  options: ServiceOptions,
  work: (text: string) => unknown,
): Promise<string> {
  const { rng, missRatio, onAsyncError } = options;
  let result: unknown;
  const effects: Effects = {
    local: work,
    onAsyncError,
    call: async (to, operation, clientSpan) => {
      result = JSON.parse(await callerOf(options, to).call({ path: '/call', operation, clientSpan }));
    },
    store: async (to, operation, clientSpan) => {
      result = JSON.parse(await callerOf(options, to).call({ path: '/store', operation, clientSpan }));
    },
  };
  await runTree(handler.tree, effects, { rng, missRatio });
  return JSON.stringify(result ?? { done: handler.span });
}

function callerOf(options: ServiceOptions, target: string): Caller {
  const caller = options.callers.get(target);
  if (caller === undefined) throw new Error(`${options.name} was not told where ${target} is`);
  return caller;
}
