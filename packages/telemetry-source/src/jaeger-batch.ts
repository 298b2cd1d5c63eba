import { failure, type Outcome, success } from '@sage/core';
import { type Attributes, isReadAttribute } from './attributes.js';
import { sanitizeInstance } from './names.js';
import { type DecodedSpans, emptyRawSpan, type RawSpan, SpanBatch, spanOrigin } from './raw-span.js';
import { BinaryThriftReader } from './thrift-binary.js';
import { COMPACT_PROTOCOL_ID, CompactThriftReader } from './thrift-compact.js';
import { ThriftError, type ThriftReader, ThriftType } from './thrift-reader.js';

export type DatagramFailure = 'malformed' | 'unknown_method';

const CALL = 1;
const ONEWAY = 4;
const ZERO_ID = '0'.repeat(16);
const CHILD_OF = 0;

/**
 * A datagram to Jaeger's agent: `oneway void emitBatch(1: Batch)` of agent.thrift. Compact thrift starts with 0x82;
 * everything else is read as binary thrift, which some senders use on the same port (the OpenTelemetry exporter for
 * Node does).
 */
export function decodeJaegerDatagram(datagram: Buffer): Outcome<DecodedSpans, DatagramFailure> {
  const reader =
    datagram[0] === COMPACT_PROTOCOL_ID
      ? new CompactThriftReader(datagram)
      : new BinaryThriftReader(datagram);
  try {
    const { name, type } = reader.messageBegin();
    if (name !== 'emitBatch' || (type !== CALL && type !== ONEWAY)) {
      return failure(
        'unknown_method',
        `${JSON.stringify(name.slice(0, 64))} (message type ${type}) is not a call of emitBatch`,
      );
    }
    const batch = new SpanBatch();
    reader.struct((id, fieldType) => {
      if (id !== 1 || fieldType !== ThriftType.struct) return false;
      readBatch(reader, batch);
      return true;
    });
    return success(batch);
  } catch (error) {
    if (error instanceof ThriftError)
      return failure('malformed', `not a Jaeger batch in thrift: ${error.message}`);
    throw error;
  }
}

/** Batch: 1 process, 2 spans; a process may come after the spans that it sent. */
function readBatch(reader: ThriftReader, batch: SpanBatch): void {
  const process: { service?: string; readonly tags: Attributes } = { tags: new Map() };
  const spans: RawSpan[] = [];
  reader.struct((id, type) => {
    if (id === 1 && type === ThriftType.struct) {
      reader.struct((processId, processType) => {
        if (processId === 1 && processType === ThriftType.string) process.service = reader.text();
        else if (processId === 2 && processType === ThriftType.list) {
          reader.structs(() => readTag(reader, process.tags));
        } else return false;
        return true;
      });
      return true;
    }
    if (id === 2 && type === ThriftType.list) {
      reader.structs(() => spans.push(readSpan(reader)));
      return true;
    }
    return false;
  });
  const origin = spanOrigin(process.tags, process.service);
  for (const span of spans) {
    // OpenTelemetry's exporter puts the resource's attributes on each span.
    const instance = sanitizeInstance(span.attributes.get('service.instance.id')) ?? origin.instance;
    batch.add(span, { service: origin.service, instance });
  }
}

/**
 * Span: 1 traceIdLow, 2 traceIdHigh, 3 spanId, 4 parentSpanId (0: none), 5 operationName, 6 references, 8 startTime
 * and 9 duration in microseconds, 10 tags.
 */
function readSpan(reader: ThriftReader): RawSpan {
  const span = emptyRawSpan();
  let low = ZERO_ID;
  let high = ZERO_ID;
  let references: readonly Reference[] = [];
  reader.struct((id, type) => {
    if (type === ThriftType.i64) {
      if (id === 1) low = reader.hex64();
      else if (id === 2) high = reader.hex64();
      else if (id === 3) span.spanId = reader.hex64();
      else if (id === 4) span.parentSpanId = reader.hex64();
      else if (id === 8) span.startUs = reader.i64();
      else if (id === 9) span.durationUs = reader.i64();
      else return false;
      return true;
    }
    if (id === 5 && type === ThriftType.string) span.operation = reader.text();
    else if (id === 6 && type === ThriftType.list) references = readReferences(reader);
    else if (id === 10 && type === ThriftType.list) reader.structs(() => readTag(reader, span.attributes));
    else return false;
    return true;
  });
  span.traceId = high + low;
  if (span.parentSpanId === '' || span.parentSpanId === ZERO_ID) {
    const parent = references.find(
      (reference) => reference.type === CHILD_OF && reference.traceId === span.traceId,
    );
    span.parentSpanId = parent?.spanId ?? '';
  }
  const { attributes } = span;
  span.kind = kindOf(attributes.get('span.kind'));
  span.error = attributes.get('error') === 'true' || attributes.get('otel.status_code') === 'ERROR';
  return span;
}

interface Reference {
  readonly type: number;
  readonly traceId: string;
  readonly spanId: string;
}

/** SpanRef: 1 refType, 2 traceIdLow, 3 traceIdHigh, 4 spanId. */
function readReferences(reader: ThriftReader): readonly Reference[] {
  const references: Reference[] = [];
  reader.structs(() => {
    let refType = -1;
    const ids = new Map<number, string>();
    reader.struct((id, type) => {
      if (id === 1 && type === ThriftType.i32) refType = reader.i32();
      else if (type === ThriftType.i64) ids.set(id, reader.hex64());
      else return false;
      return true;
    });
    const traceId = (ids.get(3) ?? ZERO_ID) + (ids.get(2) ?? ZERO_ID);
    references.push({ type: refType, traceId, spanId: ids.get(4) ?? '' });
  });
  return references;
}

/** TagType STRING, DOUBLE, BOOL, LONG, by number: the field of Tag that holds the value. */
const TAG_VALUE_FIELDS: readonly number[] = [3, 4, 5, 6];

/**
 * Tag: 1 key, 2 vType, 3 vStr, 4 vDouble, 5 vBool, 6 vLong. Some senders write all the values, zeros for those that
 * are not meant, so the type decides.
 */
function readTag(reader: ThriftReader, into: Attributes): void {
  let key = '';
  let tagType = 0;
  const values = new Map<number, string>();
  reader.struct((id, type) => {
    if (id === 1 && type === ThriftType.string) key = reader.text();
    else if (id === 2 && type === ThriftType.i32) tagType = reader.i32();
    else if (id === 3 && type === ThriftType.string) values.set(id, reader.text());
    else if (id === 4 && type === ThriftType.double) values.set(id, String(reader.double()));
    else if (id === 5 && type === ThriftType.bool) values.set(id, String(reader.bool()));
    else if (id === 6 && type === ThriftType.i64) values.set(id, String(reader.i64()));
    else return false;
    return true;
  });
  const value = values.get(TAG_VALUE_FIELDS[tagType] ?? 0);
  if (value !== undefined && isReadAttribute(key)) into.set(key, value);
}

function kindOf(tag: string | undefined): RawSpan['kind'] {
  switch (tag) {
    case 'client':
    case 'server':
    case 'producer':
    case 'consumer':
      return tag;
    default:
      return 'internal';
  }
}
