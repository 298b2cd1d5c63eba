import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorMessage, type MetricSample, type Outcome, type Span, success } from '@sage/core';
import { Counters } from './counters.js';
import { type BodyFailure, BodyReader } from './http-body.js';
import { type ListenAddress, type ListenFailure, listenFailure } from './listen-failure.js';
import { POINT_REJECTION_TEXT, type PointRejection } from './metric-point.js';
import {
  CONTENT_TYPES,
  encodeStatus,
  encodeSuccess,
  encodingOf,
  type OtlpEncoding,
  partialSuccess,
} from './otlp-answer.js';
import { decodeMetricsJson } from './otlp-json-metrics.js';
import { decodeTracesJson } from './otlp-json-traces.js';
import { createMetricFeatures, isFeatureMetric } from './otlp-metric-features.js';
import { decodeMetricsProtobuf } from './otlp-protobuf-metrics.js';
import { decodeTracesProtobuf } from './otlp-protobuf-traces.js';
import type { Consumer, Overload } from './overload.js';
import { SPAN_REJECTION_TEXT, type SpanRejection } from './raw-span.js';

export interface OtlpReceiverOptions {
  readonly host: string;
  /** 0: any free one; read it off `address`. */
  readonly port: number;
  /** Of a body, as sent and inflated. */
  readonly maxBodyBytes?: number;
  /** Of all bodies being received at once, as sent; beyond it requests are answered 503. */
  readonly maxBufferedBytes?: number;
  /** Series of cumulative metrics whose last point is kept. */
  readonly maxSeries?: number;
  /** How long `close` waits for requests under way before it cuts them off. */
  readonly closeGraceMs?: number;
  /** The configuration key of host and port, for messages. */
  readonly setting?: string;
  /** Synchronous: a batch is taken or refused before its sender is answered. */
  readonly onSpans: Consumer<Span>;
  readonly onMetrics: Consumer<MetricSample>;
  /** A consumer threw: a bug there. The sender is answered 500. */
  readonly onError?: (error: unknown) => void;
}

export type RequestRefusal =
  | BodyFailure
  | 'malformed'
  | 'not_found'
  | 'method_not_allowed'
  | 'unsupported_content_type'
  | 'consumer_failed';

export interface OtlpReceiverStats {
  /** Handed on and taken. */
  readonly spansReceived: number;
  /** `overloaded` were refused and asked for again; all others are lost. */
  readonly spansDropped: Partial<Record<SpanRejection | 'overloaded', number>>;
  /** Data points that became or helped to make samples, and what was made of them. */
  readonly metricPointsReceived: number;
  readonly metricSamples: number;
  readonly metricPointsDropped: Partial<Record<PointRejection | 'overloaded', number>>;
  /** Requests answered otherwise than 200, by reason. */
  readonly requestsRefused: Partial<Record<RequestRefusal, number>>;
  readonly requests: number;
  /** The latest refusal in words, for people. */
  readonly lastProblem: string | undefined;
}

export interface OtlpReceiver {
  readonly address: ListenAddress;
  stats(): OtlpReceiverStats;
  /** Takes no more connections, lets requests under way finish, and frees the port. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const DEFAULT_MAX_BODY_BYTES = 8 * 2 ** 20;

/** OTLP over HTTP: POST /v1/traces and /v1/metrics, protobuf or JSON, gzip or plain (OTLP specification 1.x). */
export function createOtlpReceiver(
  options: OtlpReceiverOptions,
): Promise<Outcome<OtlpReceiver, ListenFailure>> {
  const receiver = new Receiver(options);
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    void receiver.handle(request, response);
  });
  server.maxConnections = 1024;

  return new Promise((resolve) => {
    const { host, port, setting = 'receivers.otlp_http', closeGraceMs = 2000 } = options;
    server.once('error', (error) => resolve(listenFailure('OTLP over HTTP', { host, port }, setting, error)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      server.on('error', (error) => options.onError?.(error));
      const bound = server.address() as AddressInfo;
      resolve(
        success({
          address: { host: bound.address, port: bound.port },
          stats: () => receiver.stats(),
          close: () =>
            new Promise((closed) => {
              const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
              server.close(() => {
                clearTimeout(timer);
                closed();
              });
              server.closeIdleConnections();
            }),
        }),
      );
    });
  });
}

/** What happens to a request, apart from the socket. */
class Receiver {
  readonly #options: OtlpReceiverOptions;
  readonly #bodies: BodyReader;
  readonly #features;
  readonly #spansDropped = new Counters<SpanRejection | 'overloaded'>();
  readonly #pointsDropped = new Counters<PointRejection | 'overloaded'>();
  readonly #refused = new Counters<RequestRefusal>();
  #spansReceived = 0;
  #pointsReceived = 0;
  #samples = 0;
  #requests = 0;
  #lastProblem: string | undefined;

  constructor(options: OtlpReceiverOptions) {
    this.#options = options;
    const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, maxBufferedBytes = 4 * maxBodyBytes } = options;
    this.#bodies = new BodyReader({ maxBodyBytes, maxBufferedBytes });
    this.#features = createMetricFeatures(
      options.maxSeries === undefined ? {} : { maxSeries: options.maxSeries },
    );
  }

  stats(): OtlpReceiverStats {
    return {
      spansReceived: this.#spansReceived,
      spansDropped: this.#spansDropped.snapshot(),
      metricPointsReceived: this.#pointsReceived,
      metricSamples: this.#samples,
      metricPointsDropped: this.#pointsDropped.snapshot(),
      requestsRefused: this.#refused.snapshot(),
      requests: this.#requests,
      lastProblem: this.#lastProblem,
    };
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++;
    const encoding = encodingOf(request.headers['content-type']);
    const answer = await this.#answer(request, encoding).catch((error: unknown) => {
      this.#options.onError?.(error);
      return this.#refuse(
        encoding,
        500,
        'consumer_failed',
        `an error inside the receiver: ${errorMessage(error)}`,
      );
    });
    if (response.destroyed) return;
    response.writeHead(answer.status, {
      'Content-Type': CONTENT_TYPES[encoding ?? 'json'],
      'Content-Length': answer.body.length,
      ...answer.headers,
    });
    response.end(answer.body);
  }

  async #answer(request: IncomingMessage, encoding: OtlpEncoding | undefined): Promise<Answer> {
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== '/v1/traces' && path !== '/v1/metrics') {
      return this.#refuse(encoding, 404, 'not_found', `${path}: only /v1/traces and /v1/metrics are here`);
    }
    if (request.method !== 'POST') {
      const message = `${request.method} ${path}: only POST is possible`;
      return { ...this.#refuse(encoding, 405, 'method_not_allowed', message), headers: { Allow: 'POST' } };
    }
    if (encoding === undefined) {
      const message = `content type ${JSON.stringify(request.headers['content-type'] ?? '')} is not OTLP; send ${CONTENT_TYPES.protobuf} or ${CONTENT_TYPES.json}`;
      return this.#refuse(encoding, 415, 'unsupported_content_type', message);
    }
    const body = await this.#bodies.read(request);
    if (!body.ok) {
      if (body.reason === 'overloaded')
        return this.#overloaded(encoding, { retryAfterMs: 1000 }, body.message);
      const status = { body_too_large: 413, unsupported_encoding: 415, bad_gzip: 400, aborted: 400 }[
        body.reason
      ];
      return this.#refuse(encoding, status, body.reason, body.message);
    }
    return path === '/v1/traces' ? this.#traces(body.value, encoding) : this.#metrics(body.value, encoding);
  }

  #traces(body: Buffer, encoding: OtlpEncoding): Answer {
    const decoded = encoding === 'json' ? decodeTracesJson(body) : decodeTracesProtobuf(body);
    if (!decoded.ok) return this.#refuse(encoding, 400, decoded.reason, decoded.message);
    const { spans, rejected } = decoded.value;
    const overload = spans.length > 0 ? this.#options.onSpans(spans) : undefined;
    if (overload !== undefined) {
      this.#spansDropped.add('overloaded', spans.length);
      return this.#overloaded(encoding, overload, 'too many spans at once; send these again later');
    }
    this.#spansReceived += spans.length;
    this.#spansDropped.addAll(rejected);
    const partial = partialSuccess(rejected, SPAN_REJECTION_TEXT);
    if (partial.rejected > 0) this.#lastProblem = partial.message;
    return { status: 200, body: encodeSuccess(encoding, 'rejectedSpans', partial) };
  }

  #metrics(body: Buffer, encoding: OtlpEncoding): Answer {
    const decode = encoding === 'json' ? decodeMetricsJson : decodeMetricsProtobuf;
    const decoded = decode(body, isFeatureMetric);
    if (!decoded.ok) return this.#refuse(encoding, 400, decoded.reason, decoded.message);
    const { points, rejected } = decoded.value;
    const { samples, commit } = this.#features.read(points);
    const overload = samples.length > 0 ? this.#options.onMetrics(samples) : undefined;
    if (overload !== undefined) {
      this.#pointsDropped.add('overloaded', points.length);
      return this.#overloaded(encoding, overload, 'too many metrics at once; send these again later');
    }
    commit();
    this.#pointsReceived += points.length;
    this.#samples += samples.length;
    this.#pointsDropped.addAll(rejected);
    const partial = partialSuccess(rejected, POINT_REJECTION_TEXT);
    if (partial.rejected > 0) this.#lastProblem = partial.message;
    return { status: 200, body: encodeSuccess(encoding, 'rejectedDataPoints', partial) };
  }

  #overloaded(encoding: OtlpEncoding, overload: Overload, message: string): Answer {
    const seconds = Math.max(1, Math.ceil(overload.retryAfterMs / 1000));
    return {
      ...this.#refuse(encoding, 503, 'overloaded', message),
      headers: { 'Retry-After': String(seconds) },
    };
  }

  #refuse(
    encoding: OtlpEncoding | undefined,
    status: number,
    reason: RequestRefusal,
    message: string,
  ): Answer {
    this.#refused.add(reason);
    this.#lastProblem = message;
    return { status, body: encodeStatus(encoding ?? 'json', status, message) };
  }
}
