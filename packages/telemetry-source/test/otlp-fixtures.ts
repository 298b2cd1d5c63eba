import protobuf from 'protobufjs';

/** The part of the OTLP schema that the tests write, so that decoders are checked against another implementation. */
const schema = protobuf.parse(`
syntax = "proto3";
message TraceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message ArrayValue { repeated AnyValue values = 1; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; } }
message Scope { string name = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Status { string message = 2; int32 code = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; repeated Event events = 11; Status status = 15; fixed32 flags = 16;
}
message MetricsRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; }
message Metric { string name = 1; string description = 2; string unit = 3; Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; }
message Gauge { repeated NumberPoint data_points = 1; }
message Sum { repeated NumberPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
message Histogram { repeated HistogramPoint data_points = 1; int32 aggregation_temporality = 2; }
message NumberPoint { repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; oneof value { double as_double = 4; sfixed64 as_int = 6; } uint32 flags = 8; }
message HistogramPoint { repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; }
message PartialSuccess { int64 rejected = 1; string error_message = 2; }
message Response { PartialSuccess partial_success = 1; }
message RpcStatus { int32 code = 1; string message = 2; }
`).root;

type MessageName = 'TraceRequest' | 'MetricsRequest' | 'Response' | 'RpcStatus';

/** Takes what OTLP's JSON takes, ids apart: those are hex here and become bytes. */
export function encode(message: MessageName, json: object): Buffer {
  const type = schema.lookupType(message);
  return Buffer.from(type.encode(type.fromObject(withBytes(json) as { [key: string]: unknown })).finish());
}

export function decode(message: MessageName, body: Uint8Array): Record<string, unknown> {
  const type = schema.lookupType(message);
  return type.toObject(type.decode(body), { longs: Number });
}

function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key.endsWith('Id') && typeof inner === 'string' ? Buffer.from(inner, 'hex') : withBytes(inner),
    ]),
  );
}

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
export const SPAN_ID = 'b7ad6b7169203331';
export const PARENT_ID = '00f067aa0ba902b7';
export const START_NS = '1700000000123456500';

export function text(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}

/** A span that is right, but for what is given. */
export function spanJson(changes: object = {}): object {
  return {
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    parentSpanId: PARENT_ID,
    name: 'GET /cart',
    kind: 2,
    startTimeUnixNano: START_NS,
    endTimeUnixNano: '1700000000133456500',
    attributes: [{ key: 'http.response.status_code', value: { intValue: '200' } }],
    status: {},
    ...changes,
  };
}

export function tracesJson(
  spans: readonly object[],
  resource: readonly object[] = [text('service.name', 'cart')],
) {
  return {
    resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope: { name: 't' }, spans }] }],
  };
}

export function metricsJson(metrics: readonly object[], service = 'cart', instance = 'a') {
  const attributes = [text('service.name', service), text('service.instance.id', instance)];
  return { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] };
}

export function nanos(ms: number): string {
  return `${ms}000000`;
}
