import protobuf from 'protobufjs/minimal.js';

export type OtlpEncoding = 'protobuf' | 'json';

export const CONTENT_TYPES: Readonly<Record<OtlpEncoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/** The encoding of a content type (parameters such as charset aside); undefined for any other. */
export function encodingOf(contentType: string | undefined): OtlpEncoding | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === CONTENT_TYPES.protobuf) return 'protobuf';
  return type === CONTENT_TYPES.json ? 'json' : undefined;
}

/** google.rpc.Code by HTTP status, for the body of a refusal. */
const RPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  404: 5,
  405: 12,
  413: 8,
  415: 3,
  500: 13,
  503: 14,
};

/** google.rpc.Status: 1 code, 2 message. */
export function encodeStatus(encoding: OtlpEncoding, httpStatus: number, message: string): Uint8Array {
  const code = RPC_CODES[httpStatus] ?? 2;
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  return protobuf.Writer.create().uint32(8).int32(code).uint32(18).string(message).finish();
}

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/**
 * ExportTraceServiceResponse and ExportMetricsServiceResponse, which differ only in a name of the JSON mapping:
 * 1 partial_success { 1 rejected_spans or rejected_data_points, 2 error_message }. Empty when all was taken.
 */
export function encodeSuccess(
  encoding: OtlpEncoding,
  rejectedName: 'rejectedSpans' | 'rejectedDataPoints',
  partial: PartialSuccess,
): Uint8Array {
  if (partial.rejected === 0) return Buffer.from(encoding === 'json' ? '{}' : '');
  if (encoding === 'json') {
    return Buffer.from(
      JSON.stringify({
        partialSuccess: { [rejectedName]: String(partial.rejected), errorMessage: partial.message },
      }),
    );
  }
  const inner = protobuf.Writer.create()
    .uint32(8)
    .uint32(partial.rejected)
    .uint32(18)
    .string(partial.message);
  return protobuf.Writer.create().uint32(10).bytes(inner.finish()).finish();
}

/** "2 rejected: a span id must be …; 1 rejected: …" */
export function partialSuccess<Reason extends string>(
  rejected: ReadonlyMap<Reason, number>,
  texts: Readonly<Record<Reason, string>>,
): PartialSuccess {
  const parts = Array.from(rejected, ([reason, count]) => `${count} rejected: ${texts[reason]}`);
  const total = Array.from(rejected.values()).reduce((sum, count) => sum + count, 0);
  return { rejected: total, message: parts.join('; ') };
}
