import type { Clock, Logger, Outcome } from '@sage/core';
import type { Config } from './config/config.js';
import type { EngineEvent } from './events.js';
import type { Parts } from './parts.js';
import type { EngineState } from './state.js';

export interface EngineDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch: typeof globalThis.fetch;
  /** Path of a Unix socket to serve the HTTP API on, beside the TCP address. */
  readonly serveOn?: string;
  /** Reads the configuration anew for `POST /-/reload`; without it a reload needs one given. */
  readonly readConfig?: () => Outcome<Config>;
  readonly version?: string;
  /** Other parts than Sage's own. */
  readonly parts?: Parts;
  /** First pause before a request to Grafana is tried again, ms. */
  readonly retryMs?: number;
}

export interface Engine {
  /** Of the HTTP API and the page. */
  readonly url: string;
  /** Where spans and metrics are received, by protocol. */
  readonly receivers: Readonly<Record<string, string>>;
  subscribe(listener: (event: EngineEvent) => void): () => void;
  state(): EngineState;
  /** A failure keeps the present configuration. Without an argument, what `deps.readConfig` reads. */
  reload(config?: Config): Outcome<void>;
  /** Stops accepting, ends the training, and leaves everything on disk. A failure names all that could not be done. */
  close(): Promise<Outcome<void, 'close'>>;
}
