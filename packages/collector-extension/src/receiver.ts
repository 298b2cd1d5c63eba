import type { MetricSample, Outcome, Span } from '@sage/core';
import {
  type Consumer,
  createJaegerAgentReceiver,
  createOtlpReceiver,
  type JaegerAgentReceiverOptions,
  type ListenAddress,
  type ListenFailure,
  type OtlpReceiverOptions,
} from '@sage/telemetry-source';

/** What a receiver hands its batches to. */
export interface ReceiverSink {
  readonly onSpans: Consumer<Span>;
  readonly onMetrics: Consumer<MetricSample>;
  /** A bug on the way, or the socket failed. */
  readonly onError: (error: unknown) => void;
}

/** A receiver that is listening. */
export interface RunningReceiver {
  readonly address: ListenAddress;
  /** What it dropped before the collector saw it, by reason. */
  stats(): { readonly spansDropped: Readonly<Record<string, number | undefined>> };
  close(): Promise<void>;
}

export interface ReceiverStarter {
  /** What endpoints and messages call it; unlike all others. */
  readonly name: string;
  readonly start: (sink: ReceiverSink) => Promise<Outcome<RunningReceiver, ListenFailure>>;
}

type Settings<Options> = Omit<Options, keyof ReceiverSink>;

/** OTLP over HTTP: spans and metrics. Endpoint `otlp_http`. */
export function otlpHttp(settings: Settings<OtlpReceiverOptions>): ReceiverStarter {
  return { name: 'otlp_http', start: (sink) => createOtlpReceiver({ ...settings, ...sink }) };
}

/** The Jaeger agent's UDP port: spans. Endpoint `jaeger_udp`. */
export function jaegerUdp(settings: Settings<JaegerAgentReceiverOptions>): ReceiverStarter {
  return {
    name: 'jaeger_udp',
    start: ({ onSpans, onError }) => createJaegerAgentReceiver({ ...settings, onSpans, onError }),
  };
}
