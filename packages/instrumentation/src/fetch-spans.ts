import { subscribe } from 'node:diagnostics_channel';
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

/** Of undici's request, on which `fetch` is built, what its channels are documented to carry. */
interface FetchRequest {
  readonly method: string;
  readonly origin: string | URL;
  readonly path: string;
  addHeader(name: string, value: string): void;
}

/** Every `fetch` gets a client span, and carries it to the callee, by the channels of the undici inside Node.js. */
export function traceFetch(tracer: Tracer): void {
  const spans = new WeakMap<FetchRequest, Span>();
  const on = <Message>(channel: string, act: (message: Message & { request: FetchRequest }) => void) =>
    subscribe(channel, (message) => act(message as Message & { request: FetchRequest }));

  on('undici:request:create', ({ request }) => {
    if (droppedTrace(context.active()) !== undefined) {
      carry(context.active(), request);
      return;
    }
    const { method, origin, path } = request;
    const attributes = { 'http.request.method': method, 'server.address': new URL(origin).hostname };
    const span = tracer.startSpan(requestName(method, path), { kind: SpanKind.CLIENT, attributes });
    spans.set(request, span);
    carry(trace.setSpan(context.active(), span), request);
  });
  on<{ response: { statusCode: number } }>('undici:request:headers', ({ request, response }) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', response.statusCode);
    if (response.statusCode >= 400) span?.setStatus({ code: SpanStatusCode.ERROR });
  });
  on('undici:request:trailers', ({ request }) => spans.get(request)?.end());
  on<{ error: Error }>('undici:request:error', ({ request, error }) => {
    const span = spans.get(request);
    span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span?.end();
  });
}

function carry(active: Context, request: FetchRequest): void {
  propagation.inject(active, request, { set: (carrier, name, value) => carrier.addHeader(name, value) });
}
