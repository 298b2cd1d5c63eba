import { OUTSIDE, type RpcKey, type RpcObservation, rpcId, type Span } from '@sage/core';
import { type CallInterval, callsBeside, criticalPathUs, isAwaited } from './critical-path.js';

/** Why a span that stands for a call gave no observation. */
export type UnusedSpan = 'unpaired-client' | 'lost-server' | 'orphan-server';

export interface TraceRpcs {
  readonly observations: RpcObservation[];
  readonly unused: Readonly<Record<UnusedSpan, number>>;
}

export interface TraceOptions {
  /** Whether calls from caller to callee usually come with both spans: then a lone client span means a lost one. */
  readonly isPairedLink: (caller: string, callee: string) => boolean;
  /** Told of every call of which both spans are here. */
  readonly onPairedLink: (caller: string, callee: string) => void;
  /** Parts of this trace were given out or evicted before: a lone client span proves nothing. */
  readonly partial: boolean;
}

/** How a server span was entered. */
type Entry =
  | { readonly how: 'root' }
  | { readonly how: 'orphan' }
  /** A second server span of a call that has one already, as layered instrumentations make. */
  | { readonly how: 'nested' }
  | { readonly how: 'call'; readonly client: Span }
  /** The caller has no client span; `from` is its nearest span. */
  | { readonly how: 'bare'; readonly from: Span };

interface Call extends CallInterval {
  /** undefined where the call takes its place on the critical path and nothing more is known of it. */
  readonly observation: Omit<RpcObservation, 'parent' | 'criticality' | 'awaited' | 'beside'> | undefined;
  /** The server span in which the call was made. */
  readonly within: Span | undefined;
}

/** Whether each span's parent is among the spans. */
export function isComplete(spans: ReadonlyMap<string, Span>): boolean {
  for (const span of spans.values()) {
    if (span.parentSpanId !== undefined && !spans.has(span.parentSpanId)) return false;
  }
  return true;
}

/**
 * The calls of one trace. Client and server spans (producer and consumer spans likewise) pair by parent id. For a
 * message `clientMs` is the time from sending until it was handled, because nobody waits in the client span for that.
 */
export function traceRpcs(spans: ReadonlyMap<string, Span>, options: TraceOptions): TraceRpcs {
  const unused = { 'unpaired-client': 0, 'lost-server': 0, 'orphan-server': 0 };
  const entries = new Map<Span, Entry>();
  const served = new Map<Span, Span[]>();
  const outerClients = new Set<string>();
  for (const span of spans.values()) {
    if (isServing(span)) {
      const entry = entryOf(span, spans);
      entries.set(span, entry);
      if (entry.how === 'call') served.set(entry.client, [...(served.get(entry.client) ?? []), span]);
    } else if (isCalling(span) && span.parentSpanId !== undefined) {
      const parent = spans.get(span.parentSpanId);
      if (parent?.service === span.service && isCalling(parent)) outerClients.add(parent.spanId);
    }
  }

  const calls: Call[] = [];
  for (const span of spans.values()) {
    if (isCalling(span)) {
      const servers = served.get(span);
      const within = enclosingServer(span, spans, entries);
      if (servers !== undefined) calls.push(...pairedCalls(span, servers, within, options));
      else if (!outerClients.has(span.spanId)) calls.push(loneClient(span, within, options, unused));
    } else if (isServing(span)) {
      const entry = entries.get(span) as Entry;
      if (entry.how === 'orphan') unused['orphan-server'] += 1;
      if (entry.how === 'root') calls.push(serverOnly(span, keyOf(span, entry), undefined));
      if (entry.how === 'bare') {
        calls.push(serverOnly(span, keyOf(span, entry), enclosingServer(entry.from, spans, entries)));
      }
    }
  }
  return { observations: withParents(calls, entries), unused };
}

function isCalling(span: Span): boolean {
  return span.kind === 'client' || span.kind === 'producer';
}

function isServing(span: Span): boolean {
  return span.kind === 'server' || span.kind === 'consumer';
}

function endUs(span: Span): number {
  return span.startUs + span.durationUs;
}

/** Up from a server span, through internal spans of its own service and then of its caller's, to what called it. */
function entryOf(server: Span, spans: ReadonlyMap<string, Span>): Entry {
  let last = server;
  let crossed = false;
  for (let steps = 0; steps <= spans.size; steps++) {
    if (last.parentSpanId === undefined) return crossed ? { how: 'bare', from: last } : { how: 'root' };
    const span = spans.get(last.parentSpanId);
    if (span === undefined) return crossed ? { how: 'bare', from: last } : { how: 'orphan' };
    if (isCalling(span) && !(crossed && span.service !== last.service)) return { how: 'call', client: span };
    if (span.service !== last.service) {
      if (crossed) return { how: 'bare', from: last };
      crossed = true;
    }
    if (isServing(span)) return crossed ? { how: 'bare', from: span } : { how: 'nested' };
    last = span;
  }
  return { how: 'orphan' };
}

/** The server span in which something happened: the span given or the nearest above it, within its service. */
function enclosingServer(
  from: Span,
  spans: ReadonlyMap<string, Span>,
  entries: ReadonlyMap<Span, Entry>,
): Span | undefined {
  let span: Span | undefined = from;
  for (let steps = 0; span?.service === from.service && steps <= spans.size; steps++) {
    if (isServing(span) && entries.get(span)?.how !== 'nested') return span;
    span = span.parentSpanId === undefined ? undefined : spans.get(span.parentSpanId);
  }
  return undefined;
}

function keyOf(server: Span, entry: Entry | undefined): RpcKey | undefined {
  const { service: callee, operation } = server;
  switch (entry?.how) {
    case 'root':
      return { caller: OUTSIDE, callee, operation };
    case 'call':
      return { caller: entry.client.service, callee, operation };
    case 'bare':
      return { caller: entry.from.service, callee, operation };
    default:
      return undefined;
  }
}

/** One call per server span; a second server span of the same kind under one client span has no client time. */
function pairedCalls(client: Span, servers: Span[], within: Span | undefined, options: TraceOptions): Call[] {
  const seen = new Set<string>();
  servers.sort((a, b) => a.startUs - b.startUs || (a.spanId < b.spanId ? -1 : 1));
  return servers.map((server) => {
    const rpc = { caller: client.service, callee: server.service, operation: server.operation };
    const id = rpcId(rpc);
    if (seen.has(id)) return serverOnly(server, rpc, within);
    seen.add(id);
    options.onPairedLink(rpc.caller, rpc.callee);
    const messageEndUs = client.kind === 'producer' ? Math.max(endUs(client), endUs(server)) : endUs(client);
    const clientUs = messageEndUs - client.startUs;
    const requestUs = requestTimeUs(server.startUs - client.startUs, clientUs, server.durationUs);
    return {
      startUs: client.startUs,
      endUs: messageEndUs,
      callerClock: true,
      within,
      observation: {
        rpc,
        endMs: messageEndUs / 1000,
        clientMs: clientUs / 1000,
        serverMs: server.durationUs / 1000,
        requestMs: requestUs / 1000,
        responseMs: Math.max(0, clientUs - server.durationUs - requestUs) / 1000,
        instance: server.instance,
      },
    };
  });
}

/**
 * The way there: what the two clocks say, within what is possible. A server span that lies partly outside its client
 * span shows that the clocks differ, and then way there and way back still add up to what both spans leave.
 */
function requestTimeUs(apartUs: number, clientUs: number, serverUs: number): number {
  const mostUs = serverUs <= clientUs ? clientUs - serverUs : clientUs;
  return Math.min(Math.max(0, apartUs), mostUs);
}

function loneClient(
  client: Span,
  within: Span | undefined,
  options: TraceOptions,
  unused: Record<UnusedSpan, number>,
): Call {
  const span = { startUs: client.startUs, endUs: endUs(client), callerClock: true, within };
  const callee = client.peerService;
  if (callee === undefined) {
    unused['unpaired-client'] += 1;
    return { ...span, observation: undefined };
  }
  if (options.partial || options.isPairedLink(client.service, callee)) {
    unused['lost-server'] += 1;
    return { ...span, observation: undefined };
  }
  return {
    ...span,
    observation: {
      rpc: { caller: client.service, callee, operation: client.operation },
      endMs: endUs(client) / 1000,
      clientMs: client.durationUs / 1000,
      serverMs: undefined,
      requestMs: undefined,
      responseMs: undefined,
    },
  };
}

function serverOnly(server: Span, rpc: RpcKey | undefined, within: Span | undefined): Call {
  const observation = rpc && {
    rpc,
    endMs: endUs(server) / 1000,
    clientMs: undefined,
    serverMs: server.durationUs / 1000,
    requestMs: undefined,
    responseMs: undefined,
    instance: server.instance,
  };
  return { startUs: server.startUs, endUs: endUs(server), callerClock: false, within, observation };
}

/** Adds in which call each call was made, how much of it that one waited for, and what ran beside it. */
function withParents(calls: readonly Call[], entries: ReadonlyMap<Span, Entry>): RpcObservation[] {
  const siblings = new Map<Span, Call[]>();
  const places = new Map<Call, Pick<RpcObservation, 'criticality' | 'awaited' | 'beside'>>();
  for (const call of calls) {
    if (call.within === undefined) continue;
    const list = siblings.get(call.within);
    if (list === undefined) siblings.set(call.within, [call]);
    else list.push(call);
  }
  for (const [within, list] of siblings) {
    const parent = { startUs: within.startUs, endUs: endUs(within) };
    const critical = criticalPathUs(parent, list);
    const beside = list.length > 1 ? callsBeside(parent, list) : [];
    list.forEach((call, index) => {
      const lengthUs = call.endUs - call.startUs;
      const others = (beside[index] ?? []).flatMap((other) => list[other]?.observation?.rpc ?? []);
      places.set(call, {
        criticality: lengthUs > 0 ? Math.min(1, (critical[index] ?? 0) / lengthUs) : 0,
        awaited: isAwaited(parent, call),
        beside: others.length === 0 ? undefined : [...new Set(others.map(rpcId))],
      });
    });
  }
  const observations: RpcObservation[] = [];
  for (const call of calls) {
    if (call.observation === undefined) continue;
    const parent = call.within && keyOf(call.within, entries.get(call.within));
    const place = parent && places.get(call);
    observations.push({
      ...call.observation,
      parent,
      criticality: place?.criticality,
      awaited: place?.awaited,
      beside: place?.beside,
    });
  }
  return observations.sort((a, b) => a.endMs - b.endMs);
}
