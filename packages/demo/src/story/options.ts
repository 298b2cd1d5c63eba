import type { Clock, TextSink } from '@sage/core';

/** `auto` takes kernel isolation where the demo runs as root on Linux with the tools for it. */
export type IsolationChoice = 'auto' | 'kernel' | 'user';

/** What to inject: nothing, or a kind and a service of which either may be left to the seed. */
export type FaultChoice = 'none' | { readonly kind?: string; readonly service?: string };

export interface DemoOptions {
  /** End after one fault and its recovery. */
  readonly once: boolean;
  readonly seed: number;
  readonly fault: FaultChoice;
  readonly isolation: IsolationChoice;
  /** Port of the page, the API and /metrics on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Port of the load generator's /metrics on 127.0.0.1; 0 takes a free one. */
  readonly loadMetricsPort: number;
  /** Who tells the engine that the objective broke: Sage's own watcher, or only an Alertmanager. */
  readonly trigger: 'collector' | 'alertmanager';
  readonly requestsPerSecond: number;
  /** How long calm traffic is watched before the model is trained. */
  readonly learnSeconds: number;
  /** Result file, `-` for standard output. */
  readonly json: string | undefined;
  readonly grafana: { readonly url: string; readonly tokenFile: string | undefined } | undefined;
  readonly color: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Script and arguments of this program, to run it again inside a network namespace. */
  readonly argv: readonly string[];
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** SIGINT and SIGTERM end the demo in good order. */
  readonly onSignal: (signal: 'SIGINT' | 'SIGTERM', handler: () => void) => unknown;
  readonly out: TextSink;
  /** Where `--json -` goes. */
  readonly stdout: TextSink;
  readonly progress: TextSink;
}
