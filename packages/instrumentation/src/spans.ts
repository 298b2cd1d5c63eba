import type { IncomingHttpHeaders } from 'node:http';
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { droppedTrace } from './dropped-trace.js';

const tracer = trace.getTracer('@sage/instrumentation');

/** What a callee needs to continue the trace: W3C `traceparent` and `tracestate`. */
export type TraceHeaders = Record<string, string>;

/**
 * Runs the handling of one request in a server span that continues the caller's trace. Where `fn` throws, the span
 * says so and the error goes on.
 */
export function withServerSpan<T>(
  request: { readonly headers: IncomingHttpHeaders },
  operation: string,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = propagation.extract(context.active(), request.headers);
  const dropped = droppedTrace(parent);
  if (dropped !== undefined) return context.with(parent, fn, undefined, dropped);
  return tracer.startActiveSpan(operation, { kind: SpanKind.SERVER }, parent, (span) =>
    finish(span, fn(span)),
  );
}

/**
 * Runs one call to `target` in a client span. To be entered once a connection is at hand, as database drivers do:
 * waiting for the pool then shows in the caller's own time, not in the callee's.
 */
export function withClientSpan<T>(
  target: string,
  operation: string,
  fn: (headers: TraceHeaders, span: Span) => Promise<T>,
): Promise<T> {
  const dropped = droppedTrace(context.active());
  if (dropped !== undefined) return fn(traceHeaders(), dropped);
  const options = { kind: SpanKind.CLIENT, attributes: { 'peer.service': target } };
  return tracer.startActiveSpan(operation, options, (span) => finish(span, fn(traceHeaders(), span)));
}

/** The headers that carry the present span to a callee; for calls that get no client span of their own. */
export function traceHeaders(): TraceHeaders {
  const headers: TraceHeaders = {};
  propagation.inject(context.active(), headers);
  return headers;
}

async function finish<T>(span: Span, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: error instanceof Error ? error.message : String(error),
    });
    throw error;
  } finally {
    span.end();
  }
}
