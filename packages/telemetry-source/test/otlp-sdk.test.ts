import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { JaegerExporter } from '@opentelemetry/exporter-jaeger';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { MetricSample, Span } from '@sage/core';
import { createJaegerAgentReceiver, createOtlpReceiver } from '@sage/telemetry-source';
import { expect } from 'chai';

const resource = resourceFromAttributes({ 'service.name': 'cart', 'service.instance.id': 'cart-1' });

/** A request that calls a database, as the SDK records and exports it. */
async function exportRequest(exporter: SpanExporter): Promise<{ readonly traceId: string }> {
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = provider.getTracer('test');
  const startTime = 1_700_000_000_000;
  const server = tracer.startSpan('GET /cart', { kind: SpanKind.SERVER, startTime });
  const client = tracer.startSpan(
    'find',
    {
      kind: SpanKind.CLIENT,
      startTime: startTime + 1,
      attributes: { 'peer.service': 'mongodb-cart', rows: 3 },
    },
    trace.setSpan(context.active(), server),
  );
  client.setStatus({ code: SpanStatusCode.ERROR, message: 'no' });
  client.addEvent('retry', { attempt: 1 });
  client.end(startTime + 3);
  server.end(startTime + 10);
  await provider.forceFlush();
  await provider.shutdown();
  return server.spanContext();
}

function expectRequest(spans: readonly Span[], traceId: string): void {
  const [client, server] = [...spans].sort((a, b) => a.durationUs - b.durationUs);
  expect(server).to.deep.include({
    traceId,
    parentSpanId: undefined,
    service: 'cart',
    operation: 'GET /cart',
    kind: 'server',
    startUs: 1_700_000_000_000_000,
    durationUs: 10_000,
    error: false,
    instance: 'cart-1',
  });
  expect(client).to.deep.include({
    traceId,
    parentSpanId: server?.spanId,
    kind: 'client',
    durationUs: 2000,
    error: true,
    peerService: 'mongodb-cart',
    instance: 'cart-1',
  });
}

describe("OpenTelemetry's exporters", () => {
  const spans: Span[] = [];
  const samples: MetricSample[] = [];

  const collect = {
    onSpans: (batch: readonly Span[]) => {
      spans.push(...batch);
      return undefined;
    },
    onMetrics: (batch: readonly MetricSample[]) => {
      samples.push(...batch);
      return undefined;
    },
  };

  beforeEach(() => {
    spans.length = 0;
    samples.length = 0;
  });

  async function otlp() {
    const started = await createOtlpReceiver({ host: '127.0.0.1', port: 0, ...collect });
    if (!started.ok) throw new Error(started.message);
    return started.value;
  }

  for (const compression of ['none', 'gzip'] as const) {
    it(`send spans over OTLP, compression ${compression}`, async () => {
      const receiver = await otlp();
      const url = `http://127.0.0.1:${receiver.address.port}/v1/traces`;
      const exporter = new OTLPTraceExporter({ url, compression: compression as never });
      const { traceId } = await exportRequest(exporter);
      await receiver.close();
      expect(spans).to.have.length(2);
      expectRequest(spans, traceId);
    });
  }

  it('send metrics over OTLP', async () => {
    const receiver = await otlp();
    const reader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `http://127.0.0.1:${receiver.address.port}/v1/metrics` }),
      exportIntervalMillis: 60_000,
    });
    const provider = new MeterProvider({ resource, readers: [reader] });
    const meter = provider.getMeter('test');
    meter.createGauge('nodejs.eventloop.delay.p99', { unit: 's' }).record(0.012);
    const pending = meter.createUpDownCounter('db.client.connection.pending_requests');
    pending.add(2, { pool: 'a' });
    pending.add(1, { pool: 'b' });
    const waits = meter.createHistogram('db.client.connection.wait_time', { unit: 's' });
    waits.record(1, { pool: 'a' });
    await provider.forceFlush();
    waits.record(0.03, { pool: 'a' });
    waits.record(0.01, { pool: 'a' });
    await provider.forceFlush();
    await provider.shutdown();
    await receiver.close();
    const latest = new Map(samples.map(({ feature, value }) => [feature, Math.round(value * 1e6) / 1e6]));
    expect(Object.fromEntries(latest)).to.deep.equal({
      software_event_loop_lag_ms: 12,
      software_pool_pending: 3,
      software_pool_wait_ms: 20,
    });
    expect(new Set(samples.map(({ service }) => service))).to.deep.equal(new Set(['cart']));
  });

  it('send spans to a Jaeger agent, in binary thrift', async () => {
    const started = await createJaegerAgentReceiver({ host: '127.0.0.1', port: 0, onSpans: collect.onSpans });
    if (!started.ok) throw new Error(started.message);
    const receiver = started.value;
    const { host, port } = receiver.address;
    const { traceId } = await exportRequest(new JaegerExporter({ host, port }) as unknown as SpanExporter);
    const deadline = Date.now() + 3000;
    while (spans.length < 2 && Date.now() < deadline) await new Promise((later) => setTimeout(later, 5));
    const stats = receiver.stats();
    await receiver.close();
    expect(stats).to.deep.include({ spansReceived: 2, spansDropped: {}, datagramsDropped: {} });
    expectRequest(spans, traceId);
  });
});
