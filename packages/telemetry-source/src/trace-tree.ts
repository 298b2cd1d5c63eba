import type { RpcKey, Span } from '@sage/core';
import type { Link } from './rpc-links.js';

/** How a server span was entered. */
export type Entry =
  | { readonly how: 'root' }
  | { readonly how: 'orphan' }
  /** A second server span of a call that has one already, as layered instrumentations make. */
  | { readonly how: 'nested' }
  | { readonly how: 'call'; readonly client: TracedSpan }
  /** The caller has no client span; `from` is its nearest span. */
  | { readonly how: 'bare'; readonly from: TracedSpan };

/** A span in its trace, and what is found out about it there. Client means producer too, and server consumer. */
export class TracedSpan {
  readonly isClient: boolean;
  readonly isServer: boolean;
  /** undefined where it has none, and where it is not here. */
  parent: TracedSpan | undefined = undefined;
  /** Of a server span. */
  entry: Entry | undefined = undefined;
  /** The call that a server span serves, where that is known. */
  link: Link | undefined = undefined;
  rpc: RpcKey | undefined = undefined;
  /** The server spans that a client span called. */
  servers: TracedSpan[] | undefined = undefined;
  /** A client span around another one of its service, as layered instrumentations make. */
  isOuterClient = false;

  constructor(readonly span: Span) {
    const { kind } = span;
    this.isClient = kind === 'client' || kind === 'producer';
    this.isServer = kind === 'server' || kind === 'consumer';
  }

  get endUs(): number {
    return this.span.startUs + this.span.durationUs;
  }
}

export interface TraceTree {
  readonly spans: readonly TracedSpan[];
  /** Each span's parent is here. */
  readonly complete: boolean;
}

/** Looks every span's parent up, once. `places`: span id → place among the spans. */
export function linkSpans(spans: readonly Span[], places: ReadonlyMap<string, number>): TraceTree {
  const traced = spans.map((span) => new TracedSpan(span));
  let complete = true;
  for (const one of traced) {
    const { parentSpanId } = one.span;
    if (parentSpanId === undefined) continue;
    const place = places.get(parentSpanId);
    if (place === undefined) complete = false;
    else one.parent = traced[place];
  }
  return { spans: traced, complete };
}

/** Up from a server span, through internal spans of its own service and then of its caller's, to what called it. */
export function entryOf(server: TracedSpan, steps: number): Entry {
  let last = server;
  let crossed = false;
  for (let step = 0; step <= steps; step++) {
    const one = last.parent;
    if (one === undefined) {
      if (crossed) return { how: 'bare', from: last };
      return last.span.parentSpanId === undefined ? ROOT : ORPHAN;
    }
    const crosses = one.span.service !== last.span.service;
    if (one.isClient && !(crossed && crosses)) return { how: 'call', client: one };
    if (crosses) {
      if (crossed) return { how: 'bare', from: last };
      crossed = true;
    }
    if (one.isServer) return crossed ? { how: 'bare', from: one } : NESTED;
    last = one;
  }
  return ORPHAN;
}

const ROOT: Entry = { how: 'root' };
const ORPHAN: Entry = { how: 'orphan' };
const NESTED: Entry = { how: 'nested' };

/** The server span in which something happened: the span given or the nearest above it, within its service. */
export function enclosingServer(from: TracedSpan, steps: number): TracedSpan | undefined {
  let one: TracedSpan | undefined = from;
  for (let step = 0; one?.span.service === from.span.service && step <= steps; step++) {
    if (one.isServer && one.entry?.how !== 'nested') return one;
    one = one.parent;
  }
  return undefined;
}
