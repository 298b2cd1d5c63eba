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

type Counts = Readonly<Record<string, number | undefined>>;

/** What was lost before the collector saw it, by reason; nobody knows how many spans a damaged message held. */
export interface ReceiverCounts {
  readonly spansDropped: Counts;
  readonly datagramsDropped?: Counts;
  readonly requestsRefused?: Counts;
}

/** A receiver that is listening. */
export interface RunningReceiver {
  readonly address: ListenAddress;
  stats(): ReceiverCounts;
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
