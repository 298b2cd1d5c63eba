import { errorMessage, failure, type Outcome, success } from '@sage/core';
import {
  asEnum,
  asHexId,
  asMicroseconds,
  asObject,
  asObjects,
  asOptionalObject,
  asText,
  type JsonObject,
  readJsonAttributes,
  readJsonResource,
} from './json-reader.js';
import { type DecodedSpans, emptyRawSpan, type RawSpan, SPAN_KINDS, SpanBatch } from './raw-span.js';

const KIND_NAMES = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER',
];
const STATUS_NAMES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'];
const STATUS_ERROR = 2;

/** An ExportTraceServiceRequest in OTLP's JSON: hex ids, 64-bit integers as strings, enums as numbers or names. */
export function decodeTracesJson(body: Buffer): Outcome<DecodedSpans, 'malformed'> {
  const batch = new SpanBatch();
  try {
    const request = asObject(JSON.parse(body.toString('utf8')), 'the request');
    asObjects(request.resourceSpans, 'resourceSpans').forEach((group, r) => {
      const path = `resourceSpans[${r}]`;
      const origin = readJsonResource(group, path);
      const scopesKey = group.scopeSpans === undefined ? 'instrumentationLibrarySpans' : 'scopeSpans';
      asObjects(group[scopesKey], `${path}.${scopesKey}`).forEach((scope, s) => {
        const spansPath = `${path}.${scopesKey}[${s}].spans`;
        asObjects(scope.spans, spansPath).forEach((span, i) => {
          batch.add(readSpan(span, `${spansPath}[${i}]`), origin);
        });
      });
    });
    return success(batch);
  } catch (error) {
    return failure('malformed', `not a JSON ExportTraceServiceRequest: ${errorMessage(error)}`);
  }
}

function readSpan(json: JsonObject, path: string): RawSpan {
  const span = emptyRawSpan();
  span.traceId = asHexId(json.traceId);
  span.spanId = asHexId(json.spanId);
  span.parentSpanId = asHexId(json.parentSpanId);
  span.operation = asText(json.name);
  span.kind = SPAN_KINDS[asEnum(json.kind, KIND_NAMES)] ?? 'internal';
  span.startUs = asMicroseconds(json.startTimeUnixNano);
  span.durationUs = asMicroseconds(json.endTimeUnixNano) - span.startUs;
  span.error = asEnum(asOptionalObject(json.status, `${path}.status`).code, STATUS_NAMES) === STATUS_ERROR;
  readJsonAttributes(asObjects(json.attributes, `${path}.attributes`), span.attributes);
  return span;
}
