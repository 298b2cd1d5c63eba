import { metrics } from '@opentelemetry/api';
import { JaegerExporter } from '@opentelemetry/exporter-jaeger';
import {
  AggregationTemporalityPreference,
  OTLPMetricExporter,
} from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor, ParentBasedSampler, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { checkOptions, type InstrumentationOptions, type SpanExporterOptions } from './options.js';
import type { Pool, PoolOptions } from './pool.js';
import { PoolRegistry } from './pool-metrics.js';
import { watchEventLoop } from './runtime-metrics.js';
import { TurnableSampler } from './turnable-sampler.js';

/** Spans wait this long for company before they are sent. */
const SPAN_BATCH_DELAY_MS = 500;
/** Below the 65,000 bytes that a Jaeger agent takes; beyond loopback IP cuts such a datagram into fragments. */
const JAEGER_PACKET_BYTES = 60_000;

export interface Instrumentation {
  /** A connection pool whose waits are reported. */
  createPool(options: PoolOptions): Pool;
  /** Share of root requests traced from now on, 0..1; callees follow their caller's decision. */
  setSamplingRatio(ratio: number): void;
  /** Sends what is still held, and ends. Idempotent; never rejects: a receiver that is gone is no reason to hang. */
  shutdown(): Promise<Outcome<void, 'flush'>>;
}

/**
 * Starts tracing and metrics of this process, once, before requests are served. Spans begin and end where
 * `withServerSpan` and `withClientSpan` are used; nothing is patched, which is what `register` is for.
 */
export function startInstrumentation(
  options: InstrumentationOptions,
): Outcome<Instrumentation, 'options' | 'start'> {
  const checked = checkOptions(options);
  if (!checked.ok) return checked;
  const sampler = new TurnableSampler(options.samplingRatio ?? 1);
  const sdk = createSdk(options, sampler);
  try {
    sdk.start();
  } catch (error) {
    return failure(
      'start',
      `instrumentation of ${options.serviceName} did not start: ${errorMessage(error)}`,
    );
  }
  const meter = metrics.getMeter('@sage/instrumentation');
  const eventLoop = options.metricsUrl === undefined ? undefined : watchEventLoop(meter);
  const registry = new PoolRegistry(meter);
  let ended: Promise<Outcome<void, 'flush'>> | undefined;
  return success({
    createPool: (pool: PoolOptions) => registry.create(pool),
    setSamplingRatio: (ratio) => sampler.turn(ratio),
    shutdown: () => {
      ended ??= sdk.shutdown().then(
        () => success(undefined),
        (error: unknown) => failure('flush', `last telemetry was not sent: ${errorMessage(error)}`),
      );
      eventLoop?.stop();
      registry.close();
      return ended;
    },
  });
}

function createSdk(options: InstrumentationOptions, root: TurnableSampler): NodeSDK {
  return new NodeSDK({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.instance.id': options.instance ?? options.serviceName,
    }),
    autoDetectResources: false,
    instrumentations: [],
    logRecordProcessors: [],
    sampler: new ParentBasedSampler({ root }),
    spanProcessors: [
      new BatchSpanProcessor(createExporter(options.exporter), {
        scheduledDelayMillis: SPAN_BATCH_DELAY_MS,
        maxExportBatchSize: 512,
        maxQueueSize: 8192,
        exportTimeoutMillis: 5000,
      }),
    ],
    metricReaders: createReaders(options),
  });
}

function createExporter(exporter: SpanExporterOptions): SpanExporter {
  return exporter.kind === 'otlp'
    ? new OTLPTraceExporter({ url: exporter.url, timeoutMillis: 5000 })
    : new JaegerExporter({ host: exporter.host, port: exporter.port, maxPacketSize: JAEGER_PACKET_BYTES });
}

function createReaders(options: InstrumentationOptions): PeriodicExportingMetricReader[] {
  if (options.metricsUrl === undefined) return [];
  const intervalMs = options.metricsIntervalMs ?? 1000;
  return [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({
        url: options.metricsUrl,
        timeoutMillis: intervalMs,
        temporalityPreference: AggregationTemporalityPreference.DELTA,
      }),
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: intervalMs,
    }),
  ];
}
