import type { IncomingMessage } from 'node:http';
import { type Outcome, success } from '@sage/core';
import { Pool, type PoolOptions } from '@sage/instrumentation/pool';
import type { ComponentConfig } from './config.js';

type Headers = Record<string, string>;

/** What a component does about spans. */
export interface Tracing {
  createPool(options: PoolOptions): Pool;
  /** Runs the handling of one request in a server span. */
  withServerSpan<T>(request: IncomingMessage, operation: string, handle: () => Promise<T>): Promise<T>;
  /** Runs one call; `send` gets the headers that go along. `clientSpan` undefined: no span of its own. */
  withCall<T>(
    target: string,
    clientSpan: string | undefined,
    send: (headers: Headers) => Promise<T>,
  ): Promise<T>;
  /** Undefined where nothing is sampled. */
  readonly setSamplingRatio: ((ratio: number) => void) | undefined;
  shutdown(): Promise<Outcome<void>>;
}

/** Nothing at all: no span, no header, and no SDK in the process. */
const UNTRACED: Tracing = {
  createPool: (options) => new Pool(options),
  withServerSpan: (_request, _operation, handle) => handle(),
  withCall: (_target, _clientSpan, send) => send({}),
  setSamplingRatio: undefined,
  shutdown: async () => success(undefined),
};

/** As the component's configuration says. Throws where the instrumentation does not start. */
export async function startTracing({ name, telemetry }: ComponentConfig): Promise<Tracing> {
  if (telemetry === undefined) return UNTRACED;
  // Only here: loading the SDK alone takes memory, and time at every collection of garbage.
  const { startInstrumentation, traceHeaders, withClientSpan, withServerSpan } = await import(
    '@sage/instrumentation'
  );
  const started = startInstrumentation({ serviceName: name, ...telemetry });
  if (!started.ok) throw new Error(started.message);
  return {
    ...started.value,
    withServerSpan,
    withCall: (target, clientSpan, send) =>
      clientSpan === undefined ? send(traceHeaders()) : withClientSpan(target, clientSpan, send),
  };
}
