import { OUTSIDE, type RpcId, type RpcKey, type RpcObservation, rpcId } from '@sage/core';
import { type PlacedCall, placeCalls } from './call-place.js';
import type { Link, RpcLinks } from './rpc-links.js';
import { type Entry, enclosingServer, entryOf, type TracedSpan, type TraceTree } from './trace-tree.js';

/** Why a span that stands for a call gave no observation. */
export type UnusedSpan = 'unpaired-client' | 'lost-server' | 'orphan-server';

export interface TraceOptions {
  readonly links: RpcLinks;
  /**
   * Parts of this trace were given out or evicted before: a lone client span proves nothing, but where calls to its callee
   * never had server spans.
   */
  readonly partial: boolean;
  /** Added to. */
  readonly unused: Record<UnusedSpan, number>;
}

/**
 * The calls of one trace. Client and server spans (producer and consumer spans likewise) pair by parent id. For a
 * message `clientMs` is the time from sending until it was handled, because nobody waits in the client span for that.
 */
export function traceRpcs({ spans, complete }: TraceTree, options: TraceOptions): RpcObservation[] {
  const whole = complete && !options.partial;
  for (const span of spans) {
    if (span.isServer) enter(span, spans.length, options.links);
    else if (span.isClient && span.parent?.isClient && span.parent.span.service === span.span.service) {
      span.parent.isOuterClient = true;
    }
  }
  const calls: PlacedCall[] = [];
  for (const span of spans) {
    if (span.isClient) {
      const within = enclosingServer(span, spans.length);
      if (span.servers !== undefined) addPairedCalls(span, span.servers, within, calls);
      else if (!span.isOuterClient) calls.push(loneClient(span, within, { ...options, whole }));
    } else if (span.isServer) {
      const entry = span.entry;
      if (entry?.how === 'orphan') options.unused['orphan-server'] += 1;
      if (entry?.how === 'root') calls.push(serverOnly(span, undefined));
      if (entry?.how === 'bare') calls.push(serverOnly(span, enclosingServer(entry.from, spans.length)));
    }
  }
  placeCalls(calls);
  const observations: RpcObservation[] = [];
  for (const { observation } of calls) if (observation !== undefined) observations.push(observation);
  return observations;
}

/** Finds out what called a server span, and for what. */
function enter(server: TracedSpan, steps: number, links: RpcLinks): void {
  const entry = entryOf(server, steps);
  server.entry = entry;
  if (entry.how === 'orphan' || entry.how === 'nested') return;
  server.link = links.between(callerOf(entry), server.span.service);
  server.rpc = links.rpc(server.link, server.span.operation);
  if (entry.how !== 'call') return;
  const { client } = entry;
  if (client.servers === undefined) client.servers = [server];
  else client.servers.push(server);
}

function callerOf(entry: Entry): string {
  if (entry.how === 'call') return entry.client.span.service;
  return entry.how === 'bare' ? entry.from.span.service : OUTSIDE;
}

/** One call per server span; a second server span of the same kind under one client span has no client time. */
function addPairedCalls(
  client: TracedSpan,
  servers: TracedSpan[],
  within: TracedSpan | undefined,
  calls: PlacedCall[],
): void {
  const seen: RpcId[] = [];
  if (servers.length > 1) servers.sort(byStart);
  for (const server of servers) {
    const id = rpcId(server.rpc as RpcKey);
    calls.push(seen.includes(id) ? serverOnly(server, within) : pairedCall(client, server, within));
    seen.push(id);
  }
}

function byStart({ span: a }: TracedSpan, { span: b }: TracedSpan): number {
  return a.startUs - b.startUs || (a.spanId < b.spanId ? -1 : 1);
}

function pairedCall(client: TracedSpan, server: TracedSpan, within: TracedSpan | undefined): PlacedCall {
  (server.link as Link).paired = true;
  const { startUs } = client.span;
  const { durationUs: serverUs, instance } = server.span;
  const endUs = client.span.kind === 'producer' ? Math.max(client.endUs, server.endUs) : client.endUs;
  const clientUs = endUs - startUs;
  const requestUs = requestTimeUs(server.span.startUs - startUs, clientUs, serverUs);
  const observation = {
    rpc: server.rpc as RpcKey,
    endMs: endUs / 1000,
    clientMs: clientUs / 1000,
    serverMs: serverUs / 1000,
    requestMs: requestUs / 1000,
    responseMs: Math.max(0, clientUs - serverUs - requestUs) / 1000,
    parent: undefined,
    criticality: undefined,
    awaited: undefined,
    beside: undefined,
    instance,
  };
  return { startUs, endUs, callerClock: true, within, observation };
}

/**
 * The way there: what the two clocks say, within what is possible. A server span that lies partly outside its client
 * span shows that the clocks differ, and then way there and way back still add up to what both spans leave.
 */
function requestTimeUs(apartUs: number, clientUs: number, serverUs: number): number {
  const mostUs = serverUs <= clientUs ? clientUs - serverUs : clientUs;
  return Math.min(Math.max(0, apartUs), mostUs);
}

interface LoneOptions extends TraceOptions {
  /** All spans of the trace are here. */
  readonly whole: boolean;
}

function loneClient(client: TracedSpan, within: TracedSpan | undefined, options: LoneOptions): PlacedCall {
  const { endUs } = client;
  const { startUs, durationUs } = client.span;
  const rpc = calledStore(client, options);
  const observation = rpc && {
    rpc,
    endMs: endUs / 1000,
    clientMs: durationUs / 1000,
    serverMs: undefined,
    requestMs: undefined,
    responseMs: undefined,
    parent: undefined,
    criticality: undefined,
    awaited: undefined,
    beside: undefined,
    instance: undefined,
  };
  return { startUs, endUs, callerClock: true, within, observation };
}

/** What a client span without a server span called, if that has no spans of its own. */
function calledStore(
  { span: { service, peerService, operation } }: TracedSpan,
  { links, partial, whole, unused }: LoneOptions,
): RpcKey | undefined {
  if (peerService === undefined) {
    unused['unpaired-client'] += 1;
    return undefined;
  }
  const link = links.between(service, peerService);
  if (link.paired || (partial && !link.alone)) {
    unused['lost-server'] += 1;
    return undefined;
  }
  if (whole) link.alone = true;
  return links.rpc(link, operation);
}

function serverOnly(server: TracedSpan, within: TracedSpan | undefined): PlacedCall {
  const { endUs, rpc } = server;
  const { startUs, durationUs, instance } = server.span;
  const observation = rpc && {
    rpc,
    endMs: endUs / 1000,
    clientMs: undefined,
    serverMs: durationUs / 1000,
    requestMs: undefined,
    responseMs: undefined,
    parent: undefined,
    criticality: undefined,
    awaited: undefined,
    beside: undefined,
    instance,
  };
  return { startUs, endUs, callerClock: false, within, observation };
}
