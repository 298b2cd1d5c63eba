import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Span } from '@sage/core';
import { createJaegerAgentReceiver, decodeJaegerDatagram, type Overload } from '@sage/telemetry-source';
import { expect } from 'chai';
import fc from 'fast-check';
import { bool, double, i32, i64, MESSAGES, str, struct, structs, type Thrift } from './thrift-writer.js';

const RECORDED = new URL(
  '../../../../../shared/datasets/hotel/jaeger-agent-datagrams.jsonl.gz',
  import.meta.url,
);

const HIGH = 0x0af7651916cd43ddn;
const LOW = BigInt.asIntN(64, 0x8448eb211c80319cn);
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

function tag(key: string, value: string | boolean | number | bigint): Thrift {
  if (typeof value === 'string') return struct([1, str(key)], [2, i32(0)], [3, str(value)]);
  if (typeof value === 'boolean') return struct([1, str(key)], [2, i32(2)], [5, bool(value)]);
  if (typeof value === 'number') return struct([1, str(key)], [2, i32(1)], [4, double(value)]);
  return struct([1, str(key)], [2, i32(3)], [6, i64(value)]);
}

/** SpanRef to a span of the same trace; 0 CHILD_OF, 1 FOLLOWS_FROM. */
function reference(type: number, spanId: bigint, low = LOW): Thrift {
  return struct([1, i32(type)], [2, i64(low)], [3, i64(HIGH)], [4, i64(spanId)]);
}

function span(fields: Record<number, Thrift> = {}, tags: readonly Thrift[] = []): Thrift {
  const all: Record<number, Thrift> = {
    1: i64(LOW),
    2: i64(HIGH),
    3: i64(-2n),
    4: i64(0x10n),
    5: str('GET /'),
    7: i32(1),
    8: i64(1_700_000_000_123_456n),
    9: i64(2500n),
    10: structs(...tags),
    ...fields,
  };
  return struct(...Object.entries(all).map(([id, value]) => [Number(id), value] as const));
}

function batch(spans: readonly Thrift[], processTags: readonly Thrift[] = []): Thrift {
  const process = struct([1, str('rate')], [2, structs(...processTags)]);
  return struct([1, struct([1, process], [2, structs(...spans)])]);
}

function decodeOne(datagram: Buffer): Span {
  const decoded = decodeJaegerDatagram(datagram);
  if (!decoded.ok) throw new Error(decoded.message);
  expect(decoded.value.spans).to.have.length(1);
  return decoded.value.spans[0] as Span;
}

for (const [protocol, message] of Object.entries(MESSAGES)) {
  describe(`Jaeger batches in ${protocol} thrift`, () => {
    it('give every field of a span', () => {
      const tags = [
        tag('peer.service', 'mongo'),
        tag('span.kind', 'client'),
        tag('rows', 3n),
        tag('share', 0.5),
      ];
      expect(decodeOne(message(batch([span({}, tags)], [tag('service.instance.id', 'r-1')])))).to.deep.equal({
        traceId: TRACE_ID,
        spanId: 'fffffffffffffffe',
        parentSpanId: '0000000000000010',
        service: 'rate',
        operation: 'GET /',
        kind: 'client',
        startUs: 1_700_000_000_123_456,
        durationUs: 2500,
        error: false,
        peerService: 'mongo',
        instance: 'r-1',
      });
    });

    const none = i64(0n);
    const cases: readonly (readonly [string, Thrift, Partial<Span>])[] = [
      ['a root', span({ 4: none }), { parentSpanId: undefined }],
      [
        'a parent by reference',
        span({ 4: none, 6: structs(reference(1, 5n), reference(0, 6n)) }),
        { parentSpanId: '0000000000000006' },
      ],
      [
        'a link that is no parent',
        span({ 4: none, 6: structs(reference(1, 5n)) }),
        { parentSpanId: undefined },
      ],
      [
        'a reference to another trace',
        span({ 4: none, 6: structs(reference(0, 5n, 1n)) }),
        { parentSpanId: undefined },
      ],
      ['a trace id of 64 bits', span({ 2: none }), { traceId: `${'0'.repeat(16)}8448eb211c80319c` }],
      ['no kind', span(), { kind: 'internal' }],
      ['a server', span({}, [tag('span.kind', 'server')]), { kind: 'server' }],
      ['an error as a bool', span({}, [tag('error', true)]), { error: true }],
      ['no error as a bool', span({}, [tag('error', false)]), { error: false }],
      ['an error as a text', span({}, [tag('error', 'true')]), { error: true }],
      ['an error as a status', span({}, [tag('otel.status_code', 'ERROR')]), { error: true }],
      [
        'twenty tags',
        span({}, [...Array(20).fill(tag('x', 'y')), tag('span.kind', 'server')]),
        { kind: 'server' },
      ],
      [
        'a tag with all its values written',
        span({}, [
          struct(
            [1, str('span.kind')],
            [2, i32(0)],
            [3, str('server')],
            [4, double(0)],
            [5, bool(false)],
            [6, i64(0n)],
            [7, str('12345678')],
          ),
          tag('error', true),
        ]),
        { kind: 'server', error: true },
      ],
      [
        'fields of the future, of every type',
        span({
          11: structs(struct([1, i64(1n)], [2, structs(tag('event', 'retry'))])),
          12: { t: 'map', v: [[str('a'), structs(struct())]] },
          13: { t: 'set', of: 'bool', v: [bool(true), bool(false)] },
          14: { t: 'byte', v: 7 },
          15: { t: 'i16', v: -3 },
          16: bool(true),
          400: double(1.5),
          401: { t: 'map', v: [] },
        }),
        { operation: 'GET /', durationUs: 2500 },
      ],
    ];
    for (const [what, thrift, expected] of cases) {
      it(`read ${what}`, () => {
        expect(decodeOne(message(batch([thrift])))).to.include(expected);
      });
    }

    it('may bring the process after its spans', () => {
      const late = struct([1, struct([2, structs(span())], [1, struct([1, str('a>b')])])]);
      expect(decodeOne(message(late)).service).to.equal('a_b');
    });

    it('lose single spans that are wrong, with the reason', () => {
      const wrong = [span({ 1: none, 2: none }), span({ 3: none }), span({ 8: none }), span({ 9: i64(-1n) })];
      const decoded = decodeJaegerDatagram(message(batch([...wrong, span()])));
      if (!decoded.ok) throw new Error(decoded.message);
      expect(decoded.value.spans).to.have.length(1);
      expect(Object.fromEntries(decoded.value.rejected)).to.deep.equal({
        bad_trace_id: 1,
        bad_span_id: 1,
        bad_time: 2,
      });
    });

    it('are refused as other methods or as replies', () => {
      const args = batch([span()]);
      for (const datagram of [message(args, 'emitZipkinBatch'), message(args, 'emitBatch', 2)]) {
        expect(decodeJaegerDatagram(datagram)).to.include({ ok: false, reason: 'unknown_method' });
      }
    });

    it('are refused at every truncation', () => {
      const whole = message(batch([span({}, [tag('error', true)])], [tag('ip', '10.0.0.1')]));
      for (let length = 0; length < whole.length; length++) {
        expect(decodeJaegerDatagram(whole.subarray(0, length)).ok, `${length} bytes`).to.equal(false);
      }
    });

    it('are refused when nested without end', () => {
      let nested: Thrift = struct();
      for (let i = 0; i < 100; i++) nested = struct([9, nested]);
      const decoded = decodeJaegerDatagram(message(nested));
      expect(!decoded.ok && decoded.message).to.match(/nested more than 32 deep/);
    });

    it('never throw, whatever bytes are changed', () => {
      const whole = message(batch([span({}, [tag('error', true)]), span()]));
      const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
          const datagram = Buffer.from(whole);
          for (const [at, byte] of changes) datagram[at] = byte;
          expect(decodeJaegerDatagram(datagram).ok).to.be.a('boolean');
        }),
        { numRuns: 2000, seed: 1 },
      );
    });
  });
}

describe('Jaeger agent receiver', () => {
  it('never throws on random datagrams', () => {
    const start = fc.constantFrom([], [0x82, 0x21, 0], [0x80, 0x01, 0, 1], [0, 0, 0]);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, bytes) => {
        expect(decodeJaegerDatagram(Buffer.from([...head, ...bytes])).ok).to.be.a('boolean');
      }),
      { numRuns: 3000, seed: 2 },
    );
  });

  it('counts what it takes and what it drops', async () => {
    const got: Span[] = [];
    const answers: readonly (Overload | undefined)[] = [undefined, { retryAfterMs: 1 }];
    let calls = 0;
    const started = await createJaegerAgentReceiver({
      host: '127.0.0.1',
      port: 0,
      onSpans: (spans) => {
        got.push(...spans);
        return answers[calls++];
      },
    });
    if (!started.ok) throw new Error(started.message);
    const receiver = started.value;
    const { host, port } = receiver.address;
    const good = MESSAGES.compact(batch([span(), span({ 3: i64(0n) })]));
    const datagrams = [good, Buffer.from('garbage'), MESSAGES.compact(batch([]), 'other'), good];
    const socket = createSocket('udp4');
    for (const datagram of datagrams) await new Promise((sent) => socket.send(datagram, port, host, sent));
    socket.close();
    const deadline = Date.now() + 3000;
    while (receiver.stats().datagrams < 4 && Date.now() < deadline)
      await new Promise((later) => setTimeout(later, 5));
    expect(receiver.stats()).to.deep.include({
      datagrams: 4,
      spansReceived: 1,
      spansDropped: { bad_span_id: 2, overloaded: 1 },
      datagramsDropped: { malformed: 1, unknown_method: 1 },
    });
    expect(got).to.have.length(2);

    const second = await createJaegerAgentReceiver({ host, port, onSpans: () => undefined });
    expect(second).to.include({ ok: false, reason: 'port-in-use' });
    expect(!second.ok && second.message)
      .to.contain(`127.0.0.1:${port}`)
      .and.to.contain('receivers.jaeger_udp');
    await receiver.close();
  });

  it('reads every datagram of a recorded minute of a real application', function () {
    if (!existsSync(RECORDED)) {
      console.log(`      skipped: ${RECORDED.pathname} is not there`);
      this.skip();
    }
    const lines = gunzipSync(readFileSync(RECORDED)).toString().trim().split('\n');
    const kinds = new Map<string, number>();
    const services = new Set<string>();
    for (const line of lines) {
      const decoded = decodeJaegerDatagram(Buffer.from(JSON.parse(line).b64, 'base64'));
      if (!decoded.ok) throw new Error(decoded.message);
      expect(decoded.value.rejected.size).to.equal(0);
      for (const { kind, service } of decoded.value.spans) {
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        services.add(service);
      }
    }
    expect(lines).to.have.length(530);
    expect(kinds.get('client')).to.be.greaterThan(100);
    expect(kinds.get('server')).to.be.greaterThan(100);
    expect(services).to.include.members(['frontend', 'search', 'geo', 'rate', 'profile']);
  });
});
