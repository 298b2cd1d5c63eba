import { type Clock, errorMessage, failure, type Logger, type MetricSample, type Outcome } from '@sage/core';
import type { MetricSource } from '../parts.js';
import type { NodeAgentClient } from './node-agent-client.js';

export interface MetricPollerOptions {
  readonly sources: () => readonly MetricSource[];
  readonly addSamples: (samples: readonly MetricSample[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onError: (source: string) => void;
}

export function agentSource(agent: NodeAgentClient): MetricSource {
  return { name: `node-agent:${agent.name}`, read: () => agent.samples() };
}

/** Asks every source once a slide. One that does not answer is counted each time and logged when that begins and ends. */
export class MetricPoller {
  readonly #options: MetricPollerOptions;
  readonly #failing = new Set<string>();
  readonly #reading = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MetricPollerOptions) {
    this.#options = options;
  }

  start(everyMs: number): void {
    this.stop();
    void this.poll();
    this.#timer = setInterval(() => void this.poll(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads all sources side by side; one that still answers the last question is not asked again. */
  async poll(): Promise<void> {
    await Promise.all(this.#options.sources().map((source) => this.#read(source)));
  }

  async #read(source: MetricSource): Promise<void> {
    if (this.#reading.has(source.name)) return;
    this.#reading.add(source.name);
    const { addSamples, clock, logger, onError } = this.#options;
    const read = await source
      .read(clock.now())
      .catch((error): Outcome<readonly MetricSample[]> => failure('failed', errorMessage(error)));
    this.#reading.delete(source.name);
    if (read.ok) {
      addSamples(read.value);
      if (this.#failing.delete(source.name))
        logger.info('metric source answers again', { source: source.name });
      return;
    }
    onError(source.name);
    if (this.#failing.has(source.name)) return;
    this.#failing.add(source.name);
    logger.warn('metric source does not answer', { source: source.name, error: read.message });
  }
}
