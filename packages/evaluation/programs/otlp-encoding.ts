import type { Span, SpanKind } from '@sage/core';
import protobuf from 'protobufjs/minimal.js';

/** OpenTelemetry's enumeration of span kinds. */
const KIND_NUMBERS: Readonly<Record<SpanKind, number>> = {
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
};
const STATUS_ERROR = 2;

const bytesTag = (field: number) => (field << 3) | 2;
const fixed64Tag = (field: number) => (field << 3) | 1;
const varintTag = (field: number) => field << 3;

/** An ExportTraceServiceRequest as a Collector's exporter sends it: one ResourceSpans per replica. */
export function encodeTraces(spans: readonly Span[]): Buffer {
  const writer = protobuf.Writer.create();
  for (const group of byReplica(spans)) {
    writer.uint32(bytesTag(1)).fork();
    writeResource(writer, group[0] as Span);
    writer.uint32(bytesTag(2)).fork();
    for (const span of group) writeSpan(writer, span);
    writer.ldelim().ldelim();
  }
  return Buffer.from(writer.finish());
}

function byReplica(spans: readonly Span[]): Iterable<readonly Span[]> {
  const groups = new Map<string, Span[]>();
  for (const span of spans) {
    const name = `${span.service}|${span.instance}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [span]);
    else group.push(span);
  }
  return groups.values();
}

function writeResource(writer: protobuf.Writer, { service, instance }: Span): void {
  writer.uint32(bytesTag(1)).fork();
  writeAttribute(writer, 1, 'service.name', service);
  if (instance !== undefined) writeAttribute(writer, 1, 'service.instance.id', instance);
  writer.ldelim();
}

function writeSpan(writer: protobuf.Writer, span: Span): void {
  writer.uint32(bytesTag(2)).fork();
  writer.uint32(bytesTag(1)).bytes(Buffer.from(span.traceId, 'hex'));
  writer.uint32(bytesTag(2)).bytes(Buffer.from(span.spanId, 'hex'));
  if (span.parentSpanId !== undefined) {
    writer.uint32(bytesTag(4)).bytes(Buffer.from(span.parentSpanId, 'hex'));
  }
  writer.uint32(bytesTag(5)).string(span.operation);
  writer.uint32(varintTag(6)).uint32(KIND_NUMBERS[span.kind]);
  writeMicroseconds(writer.uint32(fixed64Tag(7)), span.startUs);
  writeMicroseconds(writer.uint32(fixed64Tag(8)), span.startUs + span.durationUs);
  // What any instrumentation adds and Sage skips.
  writeAttribute(writer, 9, 'rpc.system', 'grpc');
  writeAttribute(writer, 9, 'rpc.method', span.operation);
  if (span.peerService !== undefined) writeAttribute(writer, 9, 'peer.service', span.peerService);
  if (span.error) writer.uint32(bytesTag(15)).fork().uint32(varintTag(3)).uint32(STATUS_ERROR).ldelim();
  writer.ldelim();
}

/** KeyValue with a text as its value. */
function writeAttribute(writer: protobuf.Writer, field: number, key: string, value: string): void {
  writer.uint32(bytesTag(field)).fork();
  writer.uint32(bytesTag(1)).string(key);
  writer.uint32(bytesTag(2)).fork().uint32(bytesTag(1)).string(value).ldelim();
  writer.ldelim();
}

/** fixed64 nanoseconds. */
function writeMicroseconds(writer: protobuf.Writer, us: number): void {
  const ns = BigInt(us) * 1000n;
  writer.fixed32(Number(BigInt.asUintN(32, ns))).fixed32(Number(ns >> 32n));
}
