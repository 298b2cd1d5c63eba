import type { SpanExporterOptions } from '@sage/instrumentation';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** All that a component's process is told. Written as JSON by the parent, read once at start. */
export interface ComponentConfig {
  readonly name: string;
  readonly host: string;
  /** 0: any free port; the one taken is reported. */
  readonly port: number;
  /** Where its callees are reached. */
  readonly peers: Readonly<Record<string, Address>>;
  /** undefined: the component emits no spans and no metrics. */
  readonly telemetry:
    | {
        readonly exporter: SpanExporterOptions;
        readonly metricsUrl: string;
      }
    | undefined;
  readonly poolSize: number;
  readonly concurrency: number;
  readonly queue: number;
  readonly missRatio: number;
  readonly seed: number;
  /** Command line of the neighbour that a fault may start beside it. */
  readonly neighbour: readonly string[];
}

/** What a component tells its parent. */
export interface ReadyMessage {
  readonly kind: 'ready';
  readonly port: number;
}
