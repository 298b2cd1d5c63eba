import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  type InstrumentationOptions,
  startInstrumentation,
  withClientSpan,
  withServerSpan,
} from '../src/index.js';

const GOOD: InstrumentationOptions = {
  serviceName: 'rate',
  exporter: { kind: 'otlp', url: 'http://127.0.0.1:1/v1/traces' },
};

describe('startInstrumentation', () => {
  const mistakes: [string, object, RegExp][] = [
    ['an empty name', { serviceName: ' ' }, /serviceName: expected a name/],
    ['an unknown exporter', { exporter: { kind: 'zipkin' } }, /expected "otlp" or "jaeger"/],
    [
      'a URL that is none',
      { exporter: { kind: 'otlp', url: 'localhost' } },
      /exporter\.url: expected an http/,
    ],
    [
      'a port out of range',
      { exporter: { kind: 'jaeger', host: 'h', port: 70000 } },
      /1 to 65535, got 70000/,
    ],
    ['a metrics URL of another scheme', { metricsUrl: 'ftp://x' }, /metricsUrl: expected an http/],
    ['a ratio above 1', { samplingRatio: 2 }, /samplingRatio: expected 0\.\.1, got 2/],
  ];
  for (const [name, wrong, message] of mistakes) {
    it(`refuses ${name}`, () => {
      const outcome = startInstrumentation({ ...GOOD, ...wrong });
      expect(outcome.ok).to.equal(false);
      if (!outcome.ok) expect(outcome.message).to.match(message);
    });
  }

  it('sends spans that continue the caller, and metrics, before shutdown ends', async () => {
    const bodies = new Map<string, Buffer>();
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.set(request.url ?? '', Buffer.concat(chunks));
        response.writeHead(200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const started = startInstrumentation({
      serviceName: 'rate',
      exporter: { kind: 'otlp', url: `${base}/v1/traces` },
      metricsUrl: `${base}/v1/metrics`,
    });
    if (!started.ok) throw new Error(started.message);
    const pool = started.value.createPool({ name: 'memcached-rate', size: 1 });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    let carried: string | undefined;
    await withServerSpan({ headers: { traceparent } }, '/rate.Rate/GetRates', async () => {
      const lease = await pool.acquire();
      await withClientSpan('memcached-rate', 'memcached_get_multi_rate', async (headers) => {
        carried = headers.traceparent;
      });
      if (lease.ok) lease.value.release();
    });
    const dropped = `${traceparent.slice(0, -2)}00`.replace('0af7', '0bf7');
    let carriedDropped: string | undefined;
    const answer = await withServerSpan({ headers: { traceparent: dropped } }, 'unseen', () =>
      withClientSpan('cart', 'unseen', async (headers, span) => {
        span.setAttribute('unseen', true);
        carriedDropped = headers.traceparent;
        return 'answer';
      }),
    );
    const failing = withServerSpan({ headers: { traceparent: dropped } }, 'unseen', async () => {
      throw new Error('out of stock');
    });
    expect(await failing.catch((error: Error) => error.message)).to.equal('out of stock');
    started.value.setSamplingRatio(0);
    let begun: string | undefined;
    await withServerSpan({ headers: {} }, 'unseen', async () => {
      begun = await withClientSpan('cart', 'unseen', async ({ traceparent: own }) => own);
    });
    expect((await started.value.shutdown()).ok).to.equal(true);
    server.close();
    server.closeAllConnections();

    expect(carried).to.match(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    // The callee, too, is to keep nothing of it.
    expect([answer, carriedDropped]).to.deep.equal(['answer', dropped]);
    expect(begun).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    const spans = bodies.get('/v1/traces')?.toString('latin1') ?? '';
    for (const text of ['/rate.Rate/GetRates', 'memcached_get_multi_rate', 'peer.service', 'rate']) {
      expect(spans).to.include(text);
    }
    expect(spans).not.to.include('unseen');
    const metrics = bodies.get('/v1/metrics')?.toString() ?? '';
    for (const text of [
      'nodejs.eventloop.delay.p99',
      'db.client.connection.pending_requests',
      'db.client.connection.wait_time',
      '"aggregationTemporality":1',
    ]) {
      expect(metrics).to.include(text);
    }
  });
});
