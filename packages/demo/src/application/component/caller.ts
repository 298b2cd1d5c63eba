import { Agent, request } from 'node:http';
import type { Pool } from '@sage/instrumentation/pool';
import type { Address } from './config.js';
import type { Tracing } from './tracing.js';

/** A call is given up after this: longer than any healthy or faulty answer of the demo. */
const CALL_TIMEOUT_MS = 10_000;
/** Shorter than servers keep idle connections, so that the caller is the one to close them. */
const IDLE_SOCKET_MS = 60_000;

export interface CallRequest {
  readonly path: string;
  readonly operation: string;
  /** undefined: no span of its own. */
  readonly clientSpan: string | undefined;
}

export interface CallerOptions {
  readonly address: Address;
  readonly pool: Pool;
  readonly tracing: Tracing;
}

/** Calls one target over kept-alive HTTP connections, as many at once as its pool has. */
export class Caller {
  readonly #target: string;
  readonly #options: CallerOptions;
  readonly #agent = new Agent({
    keepAlive: true,
    maxFreeSockets: 256,
    scheduling: 'lifo',
    timeout: IDLE_SOCKET_MS,
  });

  constructor(target: string, options: CallerOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** The answer's body; throws where the pool gave no connection, the call failed or the answer was an error. */
  async call(call: CallRequest): Promise<string> {
    const { pool, tracing } = this.#options;
    const lease = await pool.acquire();
    if (!lease.ok) throw new Error(lease.message);
    try {
      const url = `${call.path}?operation=${encodeURIComponent(call.operation)}`;
      return await tracing.withCall(this.#target, call.clientSpan, (headers) => this.#send(url, headers));
    } finally {
      lease.value.release();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(path: string, headers: Record<string, string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { ...this.#options.address, path, headers, agent: this.#agent, timeout: CALL_TIMEOUT_MS },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
            else reject(new Error(`${this.#target} answered ${response.statusCode} to ${path}`));
          });
        },
      );
      outgoing.on('timeout', () =>
        outgoing.destroy(new Error(`${this.#target} did not answer within ${CALL_TIMEOUT_MS / 1000} s`)),
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
  }
}
