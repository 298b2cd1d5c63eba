import type { Span } from '@sage/core';
import { decodeTracesJson, decodeTracesProtobuf } from '@sage/telemetry-source';
import { expect } from 'chai';
import fc from 'fast-check';
import { encode, PARENT_ID, SPAN_ID, spanJson, TRACE_ID, text, tracesJson } from './otlp-fixtures.js';

const DECODERS = {
  protobuf: (request: object) => decodeTracesProtobuf(encode('TraceRequest', request)),
  json: (request: object) => decodeTracesJson(Buffer.from(JSON.stringify(request))),
};

function decodeOne(decoder: keyof typeof DECODERS, request: object): Span {
  const decoded = DECODERS[decoder](request);
  if (!decoded.ok) throw new Error(decoded.message);
  expect(decoded.value.spans).to.have.length(1);
  return decoded.value.spans[0] as Span;
}

for (const decoder of ['protobuf', 'json'] as const) {
  describe(`OTLP traces in ${decoder}`, () => {
    it('gives every field of a span', () => {
      const resource = [
        text('host.name', 'h'),
        text('service.name', 'cart'),
        text('service.instance.id', 'cart-1'),
      ];
      expect(decodeOne(decoder, tracesJson([spanJson()], resource))).to.deep.equal({
        traceId: TRACE_ID,
        spanId: SPAN_ID,
        parentSpanId: PARENT_ID,
        service: 'cart',
        operation: 'GET /cart',
        kind: 'server',
        startUs: 1700000000123456.5,
        durationUs: 10000,
        error: false,
        peerService: undefined,
        instance: 'cart-1',
      });
    });

    const fields: readonly (readonly [string, object, Partial<Span>])[] = [
      ['a root span', { parentSpanId: undefined }, { parentSpanId: undefined }],
      ['a parent of zeros', { parentSpanId: '0'.repeat(16) }, { parentSpanId: undefined }],
      ['no kind', { kind: 0 }, { kind: 'internal' }],
      ['an internal span', { kind: 1 }, { kind: 'internal' }],
      ['a client', { kind: 3 }, { kind: 'client' }],
      ['a producer', { kind: 4 }, { kind: 'producer' }],
      ['a consumer', { kind: 5 }, { kind: 'consumer' }],
      ['a kind of the future', { kind: 17 }, { kind: 'internal' }],
      ['an error', { status: { code: 2, message: 'no' } }, { error: true }],
      ['an ok', { status: { code: 1 } }, { error: false }],
      ['no name', { name: '' }, { operation: '(unnamed)' }],
      ['an operation with every mark', { name: 'a>b|c:d\n' }, { operation: 'a>b|c:d' }],
    ];
    for (const [what, changes, expected] of fields) {
      it(`reads ${what}`, () => {
        expect(decodeOne(decoder, tracesJson([spanJson(changes)]))).to.include(expected);
      });
    }

    const peers: readonly (readonly [string, Record<string, string>, string | undefined])[] = [
      ['nothing', {}, undefined],
      [
        'peer.service before all',
        { 'peer.service': 'rate', 'server.address': 'x', 'db.system': 'redis' },
        'rate',
      ],
      ['server.service.name', { 'server.service.name': 'rate' }, 'rate'],
      [
        'an old database',
        { 'db.system': 'mongodb', 'db.name': 'user', 'net.peer.name': 'h' },
        'mongodb-user',
      ],
      ['a new database', { 'db.system.name': 'mongodb', 'db.namespace': 'user' }, 'mongodb-user'],
      ['a database by its host', { 'db.system': 'redis', 'server.address': 'redis-cart' }, 'redis-cart'],
      ['a database on this machine', { 'db.system': 'redis', 'server.address': '127.0.0.1' }, 'redis'],
      ['net.peer.name', { 'net.peer.name': 'mail.example' }, 'mail.example'],
      ['this machine', { 'server.address': 'localhost' }, undefined],
      ['a name with marks', { 'peer.service': 'a>b:c|d' }, 'a_b_c_d'],
    ];
    for (const [what, attributes, expected] of peers) {
      it(`names the peer of a client: ${what}`, () => {
        const list = Object.entries(attributes).map(([key, value]) => text(key, value));
        const span = decodeOne(decoder, tracesJson([spanJson({ kind: 3, attributes: list })]));
        expect(span.peerService).to.equal(expected);
      });
    }

    it('names no peer of a server', () => {
      const span = decodeOne(decoder, tracesJson([spanJson({ attributes: [text('peer.service', 'x')] })]));
      expect(span.peerService).to.equal(undefined);
    });

    const services: readonly (readonly [string, readonly object[], string])[] = [
      ['absent', [], 'unknown_service'],
      ['empty', [text('service.name', ' ')], 'unknown_service'],
      ['with marks', [text('service.name', 'a>b|c:d')], 'a_b_c_d'],
      ['the name of the outside', [text('service.name', '(outside)')], '_(outside)'],
      ['very long', [text('service.name', 'x'.repeat(5000))], 'x'.repeat(128)],
    ];
    for (const [what, resource, expected] of services) {
      it(`takes a service name that is ${what}`, () => {
        expect(decodeOne(decoder, tracesJson([spanJson()], resource)).service).to.equal(expected);
      });
    }

    const rejected: readonly (readonly [string, object, string])[] = [
      ['no trace id', { traceId: '' }, 'bad_trace_id'],
      ['a short trace id', { traceId: 'abcd' }, 'bad_trace_id'],
      ['a trace id of zeros', { traceId: '0'.repeat(32) }, 'bad_trace_id'],
      ['a long trace id', { traceId: 'ab'.repeat(100) }, 'bad_trace_id'],
      ['no span id', { spanId: '' }, 'bad_span_id'],
      ['a span id of zeros', { spanId: '0'.repeat(16) }, 'bad_span_id'],
      ['a short parent', { parentSpanId: 'abcd' }, 'bad_parent_id'],
      ['no start', { startTimeUnixNano: '0' }, 'bad_time'],
      ['no end', { endTimeUnixNano: '0' }, 'bad_time'],
      ['an end before its start', { endTimeUnixNano: '1600000000000000000' }, 'bad_time'],
    ];
    for (const [what, changes, reason] of rejected) {
      it(`rejects a span with ${what}, and takes its neighbour`, () => {
        const decoded = DECODERS[decoder](tracesJson([spanJson(changes), spanJson()]));
        if (!decoded.ok) throw new Error(decoded.message);
        expect(decoded.value.spans).to.have.length(1);
        expect(Array.from(decoded.value.rejected)).to.deep.equal([[reason, 1]]);
      });
    }
  });
}

describe('OTLP traces in protobuf, on the wire', () => {
  it('takes a resource that stands after its spans', () => {
    // Tag and length of the request's only field, two bytes of length as it is longer than 127.
    const whole = encode('TraceRequest', tracesJson([spanJson()]));
    const [head, group] = [whole.subarray(0, 3), whole.subarray(3)];
    const resourceLength = 2 + (group[1] as number);
    const body = Buffer.concat([head, group.subarray(resourceLength), group.subarray(0, resourceLength)]);
    const decoded = decodeTracesProtobuf(body);
    expect(decoded.ok && decoded.value.spans[0]?.service).to.equal('cart');
  });

  const bytes: readonly (readonly [string, Buffer, RegExp])[] = [
    ['a length past the end', Buffer.from([0x0a, 0x7f, 1, 2]), /says 127 bytes, 2 are left/],
    ['a length of 4 GiB', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), /are left/],
    ['a group', Buffer.from([0x0b, 0x0c]), /wire type 3/],
    ['a number without end', Buffer.from([0x08, ...Array(20).fill(0xff)]), /out of range/],
    ['JSON', Buffer.from('{"resourceSpans":[]}'), /not a protobuf ExportTraceServiceRequest/],
  ];
  for (const [what, body, message] of bytes) {
    it(`refuses ${what}`, () => {
      const decoded = decodeTracesProtobuf(body);
      expect(decoded).to.include({ ok: false, reason: 'malformed' });
      expect(!decoded.ok && decoded.message).to.match(message);
    });
  }

  it('survives every truncation, refusing those that cut a field', () => {
    const whole = encode('TraceRequest', tracesJson([spanJson(), spanJson({ kind: 3 })]));
    for (let length = 1; length < whole.length; length++) {
      expect(decodeTracesProtobuf(whole.subarray(0, length)).ok, `${length} bytes`).to.equal(false);
    }
  });

  it('never throws on random bytes, nor on a request with some bytes changed', () => {
    const whole = encode('TraceRequest', tracesJson([spanJson(), spanJson({ kind: 3 })]));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeTracesProtobuf(Buffer.from(bytes)).ok).to.be.a('boolean');
      }),
      { numRuns: 1000, seed: 1 },
    );
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const body = Buffer.from(whole);
        for (const [at, byte] of changes) body[at] = byte;
        expect(decodeTracesProtobuf(body).ok).to.be.a('boolean');
      }),
      { numRuns: 2000, seed: 2 },
    );
  });
});

describe('OTLP traces in JSON, on the wire', () => {
  it('takes enumerations by name', () => {
    const changes = { kind: 'SPAN_KIND_CLIENT', status: { code: 'STATUS_CODE_ERROR' } };
    expect(decodeOne('json', tracesJson([spanJson(changes)]))).to.include({ kind: 'client', error: true });
  });

  it('takes upper-case ids and times as numbers', () => {
    const changes = { traceId: TRACE_ID.toUpperCase(), startTimeUnixNano: 1700000000123456800 };
    const span = decodeOne('json', tracesJson([spanJson(changes)]));
    expect(span.traceId).to.equal(TRACE_ID);
    expect(span.startUs).to.be.closeTo(1700000000123456, 2);
  });

  const bodies: readonly (readonly [string, string, RegExp])[] = [
    ['half a document', '{"resourceSpans":[', /not a JSON ExportTraceServiceRequest/],
    ['a list', '[]', /the request must be an object, is a list/],
    ['a number', '3', /the request must be an object, is a number/],
    ['null', 'null', /is null/],
    ['spans that are no list', '{"resourceSpans":{}}', /resourceSpans must be a list, is an object/],
    [
      'a span that is a text',
      JSON.stringify(tracesJson(['x' as unknown as object])),
      /resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\] must be an object, is a string/,
    ],
    ['nothing', '', /not a JSON/],
    ['a deep nest', '['.repeat(100_000), /not a JSON/],
  ];
  for (const [what, body, message] of bodies) {
    it(`refuses ${what}`, () => {
      const decoded = decodeTracesJson(Buffer.from(body));
      expect(!decoded.ok && decoded.message).to.match(message);
    });
  }

  it('rejects ids in base64', () => {
    const decoded = decodeTracesJson(
      Buffer.from(JSON.stringify(tracesJson([spanJson({ spanId: 't61rcWkgMzE=' })]))),
    );
    expect(decoded.ok && Array.from(decoded.value.rejected.keys())).to.deep.equal(['bad_span_id']);
  });

  it('never throws, whatever stands in place of a part', () => {
    const part = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(part, fc.constantFrom(0, 1, 2, 3), (value, where) => {
        const shapes = [
          value,
          { resourceSpans: value },
          { resourceSpans: [{ resource: value, scopeSpans: value }] },
          {
            resourceSpans: [
              {
                scopeSpans: [
                  {
                    spans: [
                      {
                        attributes: value,
                        kind: value,
                        status: value,
                        traceId: value,
                        startTimeUnixNano: value,
                      },
                    ],
                  },
                ],
              },
            ],
          },
        ];
        expect(decodeTracesJson(Buffer.from(JSON.stringify(shapes[where]))).ok).to.be.a('boolean');
      }),
      { numRuns: 1000, seed: 3 },
    );
  });
});
