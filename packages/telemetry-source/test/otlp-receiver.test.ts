import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { MetricSample, Span } from '@sage/core';
import { createOtlpReceiver, type OtlpReceiver, type Overload } from '@sage/telemetry-source';
import { expect } from 'chai';
import { decode, encode, metricsJson, nanos, spanJson, tracesJson } from './otlp-fixtures.js';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const MAX_BODY_BYTES = 64 * 1024;

const traces = tracesJson([spanJson()]);
const binaryTraces = encode('TraceRequest', traces);
const jsonTraces = Buffer.from(JSON.stringify(traces));

describe('OTLP receiver', () => {
  let receiver: OtlpReceiver;
  let spans: Span[];
  let samples: MetricSample[];
  let overload: Overload | undefined;
  let bug: Error | undefined;

  beforeEach(async () => {
    spans = [];
    samples = [];
    overload = undefined;
    bug = undefined;
    const started = await createOtlpReceiver({
      host: '127.0.0.1',
      port: 0,
      maxBodyBytes: MAX_BODY_BYTES,
      onSpans: (batch) => {
        if (bug) throw bug;
        if (overload === undefined) spans.push(...batch);
        return overload;
      },
      onMetrics: (batch) => {
        if (overload === undefined) samples.push(...batch);
        return overload;
      },
    });
    if (!started.ok) throw new Error(started.message);
    receiver = started.value;
  });

  afterEach(() => receiver.close());

  function url(path: string): string {
    return `http://127.0.0.1:${receiver.address.port}${path}`;
  }

  async function post(path: string, type: string, body: Uint8Array, headers: Record<string, string> = {}) {
    const response = await fetch(url(path), {
      method: 'POST',
      headers: { 'Content-Type': type, ...headers },
      body,
    });
    return { response, body: Buffer.from(await response.arrayBuffer()) };
  }

  const accepted: readonly (readonly [string, string, Buffer, Record<string, string>, string])[] = [
    ['protobuf', PROTOBUF, binaryTraces, {}, ''],
    ['JSON', JSON_TYPE, jsonTraces, {}, '{}'],
    ['JSON with a charset', 'application/json; charset=utf-8', jsonTraces, {}, '{}'],
    ['protobuf in gzip', PROTOBUF, gzipSync(binaryTraces), { 'Content-Encoding': 'gzip' }, ''],
    ['JSON in gzip', JSON_TYPE, gzipSync(jsonTraces), { 'Content-Encoding': 'gzip' }, '{}'],
  ];
  for (const [what, type, body, headers, answer] of accepted) {
    it(`takes ${what}`, async () => {
      const { response, body: got } = await post('/v1/traces', type, body, headers);
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.equal(type.split(';')[0]);
      expect(got.toString()).to.equal(answer);
      expect(spans.map(({ service }) => service)).to.deep.equal(['cart']);
      expect(receiver.stats()).to.include({ spansReceived: 1, requests: 1 });
    });
  }

  it('takes an empty request, without a call', async () => {
    overload = { retryAfterMs: 1 };
    expect((await post('/v1/traces', PROTOBUF, Buffer.alloc(0))).response.status).to.equal(200);
  });

  it('takes metrics', async () => {
    const point = { timeUnixNano: nanos(1_700_000_000_000), asDouble: 0.02 };
    const metrics = metricsJson([
      { name: 'nodejs.eventloop.delay.p99', unit: 's', gauge: { dataPoints: [point, { asDouble: 1 }] } },
    ]);
    const { response, body } = await post('/v1/metrics', JSON_TYPE, Buffer.from(JSON.stringify(metrics)));
    expect(response.status).to.equal(200);
    expect(JSON.parse(body.toString()).partialSuccess).to.include({ rejectedDataPoints: '1' });
    expect(samples).to.deep.equal([
      {
        service: 'cart',
        instance: 'a',
        feature: 'software_event_loop_lag_ms',
        timestampMs: 1_700_000_000_000,
        value: 20,
      },
    ]);
    expect(receiver.stats()).to.deep.include({
      metricPointsReceived: 1,
      metricPointsDropped: { bad_time: 1 },
    });
  });

  const refusals: readonly (readonly [
    string,
    string,
    string,
    Buffer,
    Record<string, string>,
    number,
    string,
    RegExp,
  ])[] = [
    [
      'random protobuf',
      '/v1/traces',
      PROTOBUF,
      Buffer.from([0xff, 1, 2, 3]),
      {},
      400,
      'malformed',
      /not a protobuf/,
    ],
    [
      'truncated protobuf',
      '/v1/traces',
      PROTOBUF,
      binaryTraces.subarray(0, 40),
      {},
      400,
      'malformed',
      /bytes/,
    ],
    ['malformed JSON', '/v1/traces', JSON_TYPE, Buffer.from('{'), {}, 400, 'malformed', /not a JSON/],
    ['malformed metrics', '/v1/metrics', PROTOBUF, Buffer.from([0xff]), {}, 400, 'malformed', /Metrics/],
    [
      'no gzip',
      '/v1/traces',
      PROTOBUF,
      binaryTraces,
      { 'Content-Encoding': 'gzip' },
      400,
      'bad_gzip',
      /not gzip/,
    ],
    [
      'half of a gzip',
      '/v1/traces',
      PROTOBUF,
      gzipSync(binaryTraces).subarray(0, 40),
      { 'Content-Encoding': 'gzip' },
      400,
      'bad_gzip',
      /not gzip/,
    ],
    [
      'brotli',
      '/v1/traces',
      PROTOBUF,
      binaryTraces,
      { 'Content-Encoding': 'br' },
      415,
      'unsupported_encoding',
      /"br" is not supported; send gzip/,
    ],
    [
      'text',
      '/v1/traces',
      'text/plain',
      jsonTraces,
      {},
      415,
      'unsupported_content_type',
      /"text\/plain" is not OTLP; send application\/x-protobuf/,
    ],
    ['another path', '/v1/logs', PROTOBUF, binaryTraces, {}, 404, 'not_found', /only \/v1\/traces and/],
    [
      'a long body',
      '/v1/traces',
      PROTOBUF,
      Buffer.alloc(MAX_BODY_BYTES + 1),
      {},
      413,
      'body_too_large',
      /larger than 65536 bytes/,
    ],
    [
      'a gzip bomb',
      '/v1/traces',
      PROTOBUF,
      gzipSync(Buffer.alloc(60e6)),
      { 'Content-Encoding': 'gzip' },
      413,
      'body_too_large',
      /larger than 65536 bytes/,
    ],
  ];
  for (const [what, path, type, sent, headers, status, reason, message] of refusals) {
    it(`refuses ${what} with ${status}`, async () => {
      const { response, body } = await post(path, type, sent, headers);
      expect(response.status).to.equal(status);
      const answer = type === PROTOBUF ? decode('RpcStatus', body) : JSON.parse(body.toString());
      expect(answer.message).to.match(message);
      expect(answer.code).to.be.greaterThan(0);
      expect(receiver.stats().requestsRefused).to.deep.equal({ [reason]: 1 });
      expect(spans).to.deep.equal([]);
    });
  }

  it('refuses GET with 405', async () => {
    const response = await fetch(url('/v1/traces'));
    expect(response.status).to.equal(405);
    expect(response.headers.get('allow')).to.equal('POST');
  });

  it('refuses a body of 50 MB with 413, with and without an announced length', async () => {
    const sent = Buffer.alloc(50e6);
    expect((await post('/v1/traces', PROTOBUF, sent)).response.status).to.equal(413);
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(url('/v1/traces'), {
        method: 'POST',
        headers: { 'Content-Type': PROTOBUF },
      });
      request.on('response', (response) => resolve(response.resume().statusCode));
      request.on('error', reject);
      for (let at = 0; at < sent.length; at += 1e6) request.write(sent.subarray(at, at + 1e6));
      request.end();
    });
    expect(status).to.equal(413);
    expect((await post('/v1/traces', PROTOBUF, binaryTraces)).response.status).to.equal(200);
  });

  it('answers the right part of a request, and says what was wrong with the rest', async () => {
    const request = tracesJson([spanJson(), spanJson({ spanId: '' }), spanJson({ traceId: 'ab' })]);
    const binary = await post('/v1/traces', PROTOBUF, encode('TraceRequest', request));
    expect(binary.response.status).to.equal(200);
    expect(decode('Response', binary.body)).to.have.nested.property('partialSuccess.rejected', 2);
    const json = await post('/v1/traces', JSON_TYPE, Buffer.from(JSON.stringify(request)));
    const { partialSuccess } = JSON.parse(json.body.toString());
    expect(partialSuccess.rejectedSpans).to.equal('2');
    expect(partialSuccess.errorMessage).to.match(/1 rejected: a span id must be 8 bytes/);
    expect(receiver.stats()).to.deep.include({
      spansReceived: 2,
      spansDropped: { bad_span_id: 2, bad_trace_id: 2 },
    });
  });

  it('answers 503 with whole seconds when the consumer can take no more, and takes the same later', async () => {
    overload = { retryAfterMs: 1200 };
    const { response, body } = await post('/v1/traces', PROTOBUF, binaryTraces);
    expect(response.status).to.equal(503);
    expect(response.headers.get('retry-after')).to.equal('2');
    expect(decode('RpcStatus', body)).to.include({ code: 14 });
    expect(receiver.stats()).to.deep.include({ spansReceived: 0, spansDropped: { overloaded: 1 } });
    overload = undefined;
    expect((await post('/v1/traces', PROTOBUF, binaryTraces)).response.status).to.equal(200);
  });

  it('answers 500 when the consumer fails, and lives on', async () => {
    bug = new Error('a bug');
    expect((await post('/v1/traces', PROTOBUF, binaryTraces)).response.status).to.equal(500);
    bug = undefined;
    expect((await post('/v1/traces', PROTOBUF, binaryTraces)).response.status).to.equal(200);
  });

  it('takes many requests in gzip at once', async () => {
    const body = gzipSync(binaryTraces);
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => post('/v1/traces', PROTOBUF, body, { 'Content-Encoding': 'gzip' })),
    );
    expect(answers.map(({ response }) => response.status)).to.deep.equal(Array(40).fill(200));
    expect(spans).to.have.length(40);
  });

  it('counts a body whose sender goes away', async () => {
    const socket = connect(receiver.address.port, '127.0.0.1');
    const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nContent-Length: 100\r\n\r\n`;
    socket.write(`${head}abc`, () => setTimeout(() => socket.destroy(), 20));
    const deadline = Date.now() + 2000;
    while (receiver.stats().requestsRefused.aborted === undefined && Date.now() < deadline) {
      await new Promise((later) => setTimeout(later, 5));
    }
    expect(receiver.stats().requestsRefused).to.deep.equal({ aborted: 1 });
  });

  it('says which port is in use and what to change', async () => {
    const { port } = receiver.address;
    const nothing = () => undefined;
    const second = await createOtlpReceiver({
      host: '127.0.0.1',
      port,
      onSpans: nothing,
      onMetrics: nothing,
    });
    expect(second).to.deep.equal({
      ok: false,
      reason: 'port-in-use',
      message: `cannot listen for OTLP over HTTP on 127.0.0.1:${port}: another program listens there; stop it or choose another port in receivers.otlp_http`,
    });
    const elsewhere = await createOtlpReceiver({
      host: '192.0.2.1',
      port: 0,
      onSpans: nothing,
      onMetrics: nothing,
    });
    expect(elsewhere).to.include({ ok: false, reason: 'address-unavailable' });
  });
});
