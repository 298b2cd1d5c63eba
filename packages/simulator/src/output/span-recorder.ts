import type { Rng, Span, SpanKind } from '@sage/core';
import type { Topology } from '../topology.js';
import type { Tracer } from '../world/engine.js';
import type { Frame } from '../world/frame.js';
import type { Call } from '../world/program.js';

/** Exporters send what has ended in batches this far apart, and the way takes up to so long. */
const BATCH_MS = 1000;
const TRANSIT_MS = 800;

type SpanHead = Pick<Span, 'kind' | 'spanId' | 'parentSpanId' | 'service' | 'operation' | 'instance'> &
  Partial<Pick<Span, 'peerService'>>;

/**
 * Makes spans of what is done and holds them back as exporters do. Its random numbers are its own, so that neither
 * sampling nor delivery changes what happens in the world.
 */
export class SpanRecorder implements Tracer {
  /** By the second of delivery; the first is the one that `deliver` gives next. */
  private readonly late: Span[][] = [];
  private nextSecond = 0;
  private ids = 0;

  constructor(
    private readonly topology: Topology,
    /** Unix time of the simulation's zero. */
    private readonly originMs: number,
    private readonly rng: Rng,
  ) {}

  newTraceId(): string {
    const words = [0, 0, 0, 0].map(() => hex(this.rng.integer(0x1_0000_0000), 8));
    return words.join('');
  }

  serverStarts(frame: Frame): void {
    const call = frame.call as Call;
    frame.serverParentId = frame.clientSpanId ?? frame.spanId;
    frame.spanId = frame.serverParentId;
    if (!this.serviceOf(call).traced) return;
    for (let depth = 0; depth < call.serverSpans.length; depth++) frame.spanId = this.newSpanId();
  }

  serverEnds(frame: Frame, endMs: number): void {
    const { serverSpans, ...call } = frame.call as Call;
    const { label, traced } = this.serviceOf(call);
    if (!traced || serverSpans.length === 0) return;
    // Spans of an entry are nested and their ids follow each other: the innermost has the frame's.
    const innermost = Number.parseInt(frame.spanId as string, 16);
    let parentSpanId = frame.serverParentId;
    serverSpans.forEach((operation, depth) => {
      const spanId = hex(innermost - (serverSpans.length - 1 - depth), 16);
      const kind: SpanKind = depth === 0 ? 'server' : 'internal';
      const { name: instance } = frame.replica;
      this.record(
        frame,
        { kind, spanId, parentSpanId, service: label, operation, instance },
        frame.serverStartMs,
        endMs,
      );
      parentSpanId = spanId;
    });
  }

  clientStarts(frame: Frame): void {
    const caller = this.topology.services[(frame.parent as Frame).replica.serviceIndex];
    if ((frame.call as Call).clientSpan !== null && caller?.traced) frame.clientSpanId = this.newSpanId();
  }

  clientEnds(frame: Frame, endMs: number): void {
    const call = frame.call as Call;
    const { replica, spanId: parentSpanId } = frame.parent as Frame;
    const { clientSpanId: spanId } = frame;
    if (call.clientSpan === null || spanId === undefined) return;
    const head: SpanHead = {
      kind: 'client',
      spanId,
      parentSpanId,
      service: replica.service.label,
      operation: call.clientSpan,
      instance: replica.name,
      peerService: this.serviceOf(call).label,
    };
    this.record(frame, head, frame.clientStartMs, endMs);
  }

  /** Spans that have come by now, in the order of their end. Call it once a second. */
  deliver(): Span[] {
    this.nextSecond += 1;
    return this.late.shift() ?? [];
  }

  private record(frame: Frame, head: SpanHead, startMs: number, endMs: number): void {
    const startUs = Math.round((this.originMs + startMs) * 1000);
    // Exporters do not tick together.
    const phase = (frame.replica.index % 7) / 7;
    const sentMs = (Math.floor(endMs / BATCH_MS + phase) + 1 - phase) * BATCH_MS;
    const second = Math.floor((sentMs + TRANSIT_MS * this.rng.uniform()) / 1000);
    const slot = Math.max(0, second - this.nextSecond);
    while (this.late.length <= slot) this.late.push([]);
    this.late[slot]?.push({
      peerService: undefined,
      ...head,
      traceId: frame.request.traceId as string,
      startUs,
      durationUs: Math.round((this.originMs + endMs) * 1000) - startUs,
      error: frame.failed,
    });
  }

  private newSpanId(): string {
    this.ids += 1;
    return hex(this.ids, 16);
  }

  private serviceOf({ service }: Pick<Call, 'service'>): Topology['services'][number] {
    return this.topology.services[service] as Topology['services'][number];
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
