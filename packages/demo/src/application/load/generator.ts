import { Agent, request } from 'node:http';
import type { Rng } from '@sage/core';
import type { Endpoint } from '../topology/topology.js';
import { drawEndpoint, nextArrivalMs } from './arrivals.js';

const REQUEST_TIMEOUT_MS = 15_000;
/** Arrivals this late are sent at once; a longer backlog means this process was held up, and is skipped. */
const MAX_LAG_MS = 1000;

export interface GeneratorOptions {
  readonly entryUrl: string;
  readonly meanRate: number;
  readonly maxOutstanding: number;
  readonly endpoints: readonly Endpoint[];
  readonly rng: Rng;
  readonly nowMs: () => number;
  readonly onLatency: (endpoint: Endpoint, latencyMs: number, code: number) => void;
  /** An arrival that was not sent, because too many are outstanding. */
  readonly onDropped: (endpoint: Endpoint) => void;
}

/** Open loop: requests leave when they arrive, whether or not earlier ones were answered. */
export class LoadGenerator {
  readonly #options: GeneratorOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo', timeout: 60_000 });
  readonly #startMs: number;
  #nextMs: number;
  #outstanding = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GeneratorOptions) {
    this.#options = options;
    this.#startMs = options.nowMs();
    this.#nextMs = this.#startMs;
  }

  start(): void {
    const { rng, meanRate, nowMs } = this.#options;
    const tick = () => {
      const now = nowMs();
      while (this.#nextMs <= now) {
        if (now - this.#nextMs <= MAX_LAG_MS) this.#arrive(this.#nextMs);
        this.#nextMs += nextArrivalMs(rng, meanRate, (this.#nextMs - this.#startMs) / 1000);
      }
      this.#timer = setTimeout(tick, Math.max(0, this.#nextMs - nowMs()));
    };
    tick();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#agent.destroy();
  }

  /** Latency counts from when the request arrived, not from when this process came to sending it. */
  #arrive(atMs: number): void {
    const endpoint = drawEndpoint(this.#options.rng, this.#options.endpoints);
    if (this.#outstanding >= this.#options.maxOutstanding) {
      this.#options.onDropped(endpoint);
      return;
    }
    this.#outstanding += 1;
    let settled = false;
    const settle = (code: number) => {
      if (settled) return;
      settled = true;
      this.#outstanding -= 1;
      this.#options.onLatency(endpoint, this.#options.nowMs() - atMs, code);
    };
    const outgoing = request(
      new URL(endpoint.path, this.#options.entryUrl),
      { method: endpoint.method, agent: this.#agent, timeout: REQUEST_TIMEOUT_MS },
      (response) => {
        response.resume();
        response.on('end', () => settle(response.statusCode ?? 0));
        response.on('error', () => settle(0));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => settle(0));
    outgoing.end();
  }
}
