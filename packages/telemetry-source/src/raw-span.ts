import type { Span, SpanKind } from '@sage/core';
import { type Attributes, peerName } from './attributes.js';
import { sanitizeInstance, sanitizeOperation, sanitizeService } from './names.js';

/** A span as decoded and not yet judged. Ids are lower-case hex, '' where absent; times are NaN where unreadable. */
export interface RawSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  operation: string;
  kind: SpanKind;
  startUs: number;
  durationUs: number;
  error: boolean;
  readonly attributes: Attributes;
}

export function emptyRawSpan(): RawSpan {
  return {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    operation: '',
    kind: 'internal',
    startUs: Number.NaN,
    durationUs: Number.NaN,
    error: false,
    attributes: new Map(),
  };
}

/** What every span of one resource (OTLP) or process (Jaeger) shares. */
export interface SpanOrigin {
  readonly service: string;
  readonly instance: string | undefined;
}

/** Why a single span is rejected while the rest of its request is taken. */
export type SpanRejection = 'bad_trace_id' | 'bad_span_id' | 'bad_parent_id' | 'bad_time';

export const SPAN_REJECTION_TEXT: Readonly<Record<SpanRejection, string>> = {
  bad_trace_id: 'a trace id must be 16 bytes (32 hex digits), not all zero',
  bad_span_id: 'a span id must be 8 bytes (16 hex digits), not all zero',
  bad_parent_id: 'a parent span id must be empty or 8 bytes (16 hex digits)',
  bad_time: 'a span must start after 1970 and not end before it starts',
};

/** OpenTelemetry's enumeration of span kinds, by number; unspecified counts as internal. */
export const SPAN_KINDS: readonly SpanKind[] = [
  'internal',
  'internal',
  'server',
  'client',
  'producer',
  'consumer',
];

const ZERO_TRACE_ID = '0'.repeat(32);
const ZERO_SPAN_ID = '0'.repeat(16);

export function toSpan(raw: RawSpan, origin: SpanOrigin): Span | SpanRejection {
  if (raw.traceId.length !== 32 || raw.traceId === ZERO_TRACE_ID) return 'bad_trace_id';
  if (raw.spanId.length !== 16 || raw.spanId === ZERO_SPAN_ID) return 'bad_span_id';
  const hasParent = raw.parentSpanId !== '' && raw.parentSpanId !== ZERO_SPAN_ID;
  if (hasParent && raw.parentSpanId.length !== 16) return 'bad_parent_id';
  if (!(raw.startUs > 0 && raw.startUs <= Number.MAX_SAFE_INTEGER && raw.durationUs >= 0)) return 'bad_time';
  const calls = raw.kind === 'client' || raw.kind === 'producer';
  const peer = calls ? peerName(raw.attributes) : undefined;
  return {
    traceId: raw.traceId,
    spanId: raw.spanId,
    parentSpanId: hasParent ? raw.parentSpanId : undefined,
    service: origin.service,
    operation: sanitizeOperation(raw.operation),
    kind: raw.kind,
    startUs: raw.startUs,
    durationUs: raw.durationUs,
    error: raw.error,
    peerService: peer === undefined ? undefined : sanitizeService(peer),
    instance: origin.instance,
  };
}

/** Spans of one request or datagram, and how many were rejected for what. */
export interface DecodedSpans {
  readonly spans: readonly Span[];
  readonly rejected: ReadonlyMap<SpanRejection, number>;
}

/** Gathers the spans of one request. */
export class SpanBatch implements DecodedSpans {
  readonly spans: Span[] = [];
  readonly rejected = new Map<SpanRejection, number>();

  add(raw: RawSpan, origin: SpanOrigin): void {
    const span = toSpan(raw, origin);
    if (typeof span === 'string') this.rejected.set(span, (this.rejected.get(span) ?? 0) + 1);
    else this.spans.push(span);
  }
}

/** The origin that a resource's or process's attributes name. */
export function spanOrigin(attributes: Attributes, serviceName = attributes.get('service.name')): SpanOrigin {
  return {
    service: sanitizeService(serviceName),
    // Jaeger's own clients number their processes by `client-uuid`.
    instance: sanitizeInstance(attributes.get('service.instance.id') || attributes.get('client-uuid')),
  };
}
