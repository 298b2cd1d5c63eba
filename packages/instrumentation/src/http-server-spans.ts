import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { droppedTrace } from './dropped-trace.js';
import { requestName } from './request-name.js';

/** What Express leaves on a request once it knows its route. */
interface Routed {
  readonly baseUrl?: string;
  readonly route?: { readonly path?: unknown };
}

/**
 * Every request that a `node:http` or `node:https` server handles gets a server span that continues the caller's
 * trace. The event itself is wrapped: a diagnostics channel tells of a request, but cannot give its handler a context.
 */
export function traceHttpServers(tracer: Tracer): void {
  for (const { prototype } of [http.Server, https.Server]) {
    const emit = prototype.emit as (event: string, ...args: unknown[]) => boolean;
    const traced = function (this: unknown, event: string, ...args: unknown[]): boolean {
      if (event !== 'request') return emit.call(this, event, ...args);
      const [request, response] = args as [IncomingMessage, ServerResponse];
      const active = startServerSpan(tracer, request, response);
      return context.with(active, () => emit.call(this, event, ...args));
    };
    prototype.emit = traced as typeof prototype.emit;
  }
}

function startServerSpan(tracer: Tracer, request: IncomingMessage, response: ServerResponse) {
  const { method = 'GET', url = '/' } = request;
  const parent = propagation.extract(context.active(), request.headers);
  if (droppedTrace(parent) !== undefined) return parent;
  const attributes = { 'http.request.method': method, 'url.path': url.split('?', 1)[0] as string };
  const span = tracer.startSpan(requestName(method, url), { kind: SpanKind.SERVER, attributes }, parent);
  // Emitted after the last byte as well as when the caller goes away.
  response.once('close', () => endServerSpan(span, request, response));
  return trace.setSpan(parent, span);
}

function endServerSpan(span: Span, request: IncomingMessage & Routed, response: ServerResponse): void {
  const route = request.route?.path;
  if (typeof route === 'string') span.updateName(`HTTP ${request.method} ${request.baseUrl ?? ''}${route}`);
  span.setAttribute('http.response.status_code', response.statusCode);
  if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  else if (!response.writableFinished) span.setStatus({ code: SpanStatusCode.ERROR, message: 'aborted' });
  span.end();
}
