import { subscribe } from 'node:diagnostics_channel';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import {
  type Context,
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

type Requester = (...args: unknown[]) => ClientRequest;

/**
 * Every request made with `node:http` or `node:https` gets a client span, and carries it to the callee. The functions
 * are wrapped: before Node.js 22 no diagnostics channel speaks before the headers are on their way.
 */
export function traceHttpClients(tracer: Tracer): void {
  const spans = new WeakMap<ClientRequest, Span>();
  for (const module of [http, https]) {
    const original = module.request as Requester;
    const request: Requester = (...args) => startClientSpan(tracer, spans, original(...args));
    const get: Requester = (...args) => {
      const started = request(...args);
      started.end();
      return started;
    };
    Object.assign(module, { request, get });
  }
  // For `import { request } from 'node:http'`.
  syncBuiltinESMExports();
  // Listening to the request's own events would change what Node.js does where the program does not.
  subscribe('http.client.response.finish', (message) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    const span = spans.get(request);
    const status = response.statusCode ?? 0;
    span?.setAttribute('http.response.status_code', status);
    if (status >= 400) span?.setStatus({ code: SpanStatusCode.ERROR });
  });
  subscribe('http.client.request.error', (message) => {
    const { request, error } = message as { request: ClientRequest; error: Error };
    spans.get(request)?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  });
}

function startClientSpan(
  tracer: Tracer,
  spans: WeakMap<ClientRequest, Span>,
  request: ClientRequest,
): ClientRequest {
  if (droppedTrace(context.active()) !== undefined) {
    carry(context.active(), request);
    return request;
  }
  const { method, path, host } = request;
  const attributes = { 'http.request.method': method, 'server.address': host };
  const span = tracer.startSpan(requestName(method, path), { kind: SpanKind.CLIENT, attributes });
  spans.set(request, span);
  request.once('close', () => span.end());
  carry(trace.setSpan(context.active(), span), request);
  return request;
}

function carry(active: Context, request: ClientRequest): void {
  // Headers given as a list, and those of a request that expects 100-continue, are written down already.
  if (request.headersSent) return;
  propagation.inject(active, request, { set: (carrier, name, value) => carrier.setHeader(name, value) });
}
