import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorMessage, type Rng } from '@sage/core';
import type { Pool } from '@sage/instrumentation/pool';
import { type BatchJob, startBatchJob } from './batch-job.js';
import type { Neighbours } from './neighbours.js';

const MAX_BODY_BYTES = 4096;
const MAX_POOL = 1024;

export interface AdminOptions {
  readonly pools: readonly Pool[];
  readonly neighbours: Neighbours;
  readonly rng: Rng;
  /** Undefined where nothing is sampled. */
  readonly setSamplingRatio: ((ratio: number) => void) | undefined;
}

type Answer = { readonly status: number; readonly body: unknown };

/**
 * `/-/healthy`; `/-/pools` (GET: all pools; PUT `/-/pools/<pool>` `{size}`); PUT `/-/sampling`
 * `{ratio}`; `/-/cpu`, processor time since the start in µs; faults: POST `/-/faults/leak`
 * `{pool, connections, holdMs}` (0 connections end it) and POST `/-/faults/neighbours` `{count}`.
 */
export class Admin {
  readonly #options: AdminOptions;
  readonly #jobs = new Map<string, BatchJob>();

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      answer = { status: 400, body: { error: errorMessage(error) } };
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(answer.body)}\n`);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#jobs.values()].map((job) => job.stop()));
    await this.#options.neighbours.set(0);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    const route = `${request.method} ${path}`;
    if (route === 'GET /-/healthy') return { status: 200, body: { healthy: true } };
    if (route === 'GET /-/pools') return ok(this.#options.pools.map((pool) => pool.state()));
    if (route === 'GET /-/cpu') return ok(process.cpuUsage());
    if (route === 'PUT /-/sampling') return this.#sample(await readJson(request));
    if (route.startsWith('PUT /-/pools/')) return this.#resize(path.slice('/-/pools/'.length), request);
    if (route === 'POST /-/faults/leak') return this.#leak(await readJson(request));
    if (route === 'POST /-/faults/neighbours') {
      const count = wholeNumber('count', (await readJson(request)).count, 0, 64);
      return ok({ pids: await this.#options.neighbours.set(count) });
    }
    return { status: 404, body: { error: `nothing answers ${route}` } };
  }

  async #resize(name: string, request: IncomingMessage): Promise<Answer> {
    const pool = this.#pool(name);
    if (pool === undefined) return this.#noSuchPool(name);
    pool.resize(wholeNumber('size', (await readJson(request)).size, 1, MAX_POOL));
    return ok(pool.state());
  }

  #sample({ ratio }: Record<string, unknown>): Answer {
    const { setSamplingRatio } = this.#options;
    if (setSamplingRatio === undefined) return { status: 404, body: { error: 'nothing is sampled here' } };
    setSamplingRatio(Number(ratio));
    return ok({ ratio });
  }

  async #leak(input: Record<string, unknown>): Promise<Answer> {
    const pool = this.#pool(String(input.pool));
    if (pool === undefined) return this.#noSuchPool(String(input.pool));
    const connections = wholeNumber('connections', input.connections, 0, MAX_POOL);
    await this.#jobs.get(pool.name)?.stop();
    this.#jobs.delete(pool.name);
    if (connections > 0) {
      const holdMs = wholeNumber('holdMs', input.holdMs, 1, 60_000);
      this.#jobs.set(pool.name, startBatchJob(pool, { connections, holdMs, rng: this.#options.rng }));
    }
    return ok(pool.state());
  }

  #pool(name: string): Pool | undefined {
    return this.#options.pools.find((pool) => pool.name === name);
  }

  #noSuchPool(name: string): Answer {
    const names = this.#options.pools.map((pool) => pool.name).join(', ') || 'none';
    return { status: 404, body: { error: `no pool is called ${name}; there are: ${names}` } };
  }
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function wholeNumber(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`${name}: expected a whole number from ${least} to ${most}, got ${JSON.stringify(value)}`);
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error(`body: expected at most ${MAX_BODY_BYTES} bytes`);
  }
  const body: unknown = JSON.parse(text);
  if (typeof body !== 'object' || body === null) throw new Error('body: expected a JSON object');
  return body as Record<string, unknown>;
}
