import type { Agent } from 'node:http';
import type { Rng } from '@sage/core';
import type { Endpoint } from '../topology/topology.js';
import { drawEndpoint, nextArrivalMs } from './arrivals.js';
import { clientAgent, sendRequest } from './request.js';

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
  readonly #agent: Agent = clientAgent();
  readonly #startMs: number;
  #nextMs: number;
  #outstanding = 0;
  #timer: NodeJS.Timeout | undefined;
  #onQuiet: (() => void) | undefined;

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

  /** No more arrivals; resolves when all that were sent have been answered or given up. */
  async drain(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#outstanding > 0) {
      await new Promise<void>((resolve) => {
        this.#onQuiet = resolve;
      });
    }
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
    sendRequest(endpoint, { entryUrl: this.#options.entryUrl, agent: this.#agent }, (code) => {
      this.#outstanding -= 1;
      this.#options.onLatency(endpoint, this.#options.nowMs() - atMs, code);
      if (this.#outstanding === 0) this.#onQuiet?.();
    });
  }
}
