import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { readAttribute, readResource } from './otlp-protobuf-attributes.js';
import { bytesTag, fixed64Tag, ProtobufCursor, varintTag } from './protobuf-cursor.js';
import { type DecodedSpans, emptyRawSpan, SPAN_KINDS, SpanBatch, type SpanOrigin } from './raw-span.js';

const STATUS_ERROR = 2;

/** An ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1) in protobuf. */
export function decodeTracesProtobuf(body: Buffer): Outcome<DecodedSpans, 'malformed'> {
  const batch = new SpanBatch();
  try {
    const cursor = new ProtobufCursor(body);
    while (cursor.more(body.length)) {
      const tag = cursor.tag();
      if (tag === bytesTag(1)) readResourceSpans(cursor, cursor.open(body.length), batch);
      else cursor.skip(tag, body.length);
    }
    return success(batch);
  } catch (error) {
    return failure('malformed', `not a protobuf ExportTraceServiceRequest: ${errorMessage(error)}`);
  }
}

/** ResourceSpans: 1 resource, 2 scope_spans, 1000 the same under its name before OTLP 0.15. */
function readResourceSpans(cursor: ProtobufCursor, end: number, batch: SpanBatch): void {
  const { origin, groups } = readResource(cursor, end);
  for (const start of groups) {
    cursor.seek(start);
    readScopeSpans(cursor, cursor.open(end), origin, batch);
  }
  cursor.seek(end);
}

function readScopeSpans(cursor: ProtobufCursor, end: number, origin: SpanOrigin, batch: SpanBatch): void {
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === bytesTag(2)) readSpan(cursor, cursor.open(end), origin, batch);
    else cursor.skip(tag, end);
  }
}

function readSpan(cursor: ProtobufCursor, end: number, origin: SpanOrigin, batch: SpanBatch): void {
  const span = emptyRawSpan();
  let endUs = Number.NaN;
  while (cursor.more(end)) {
    const tag = cursor.tag();
    switch (tag) {
      case bytesTag(1):
        span.traceId = cursor.hex(end);
        break;
      case bytesTag(2):
        span.spanId = cursor.hex(end);
        break;
      case bytesTag(4):
        span.parentSpanId = cursor.hex(end);
        break;
      case bytesTag(5):
        span.operation = cursor.text(end);
        break;
      case varintTag(6):
        span.kind = SPAN_KINDS[cursor.varint()] ?? 'internal';
        break;
      case fixed64Tag(7):
        span.startUs = cursor.microseconds();
        break;
      case fixed64Tag(8):
        endUs = cursor.microseconds();
        break;
      case bytesTag(9):
        readAttribute(cursor, cursor.open(end), span.attributes);
        break;
      case bytesTag(15):
        span.error = readStatus(cursor, cursor.open(end)) === STATUS_ERROR;
        break;
      default:
        cursor.skip(tag, end);
    }
  }
  span.durationUs = endUs - span.startUs;
  batch.add(span, origin);
}

/** Status: 2 message, 3 code. */
function readStatus(cursor: ProtobufCursor, end: number): number {
  let code = 0;
  while (cursor.more(end)) {
    const tag = cursor.tag();
    if (tag === varintTag(3)) code = cursor.varint();
    else cursor.skip(tag, end);
  }
  return code;
}
