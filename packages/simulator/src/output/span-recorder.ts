import type { Rng, Span } from '@sage/core';
import type { Topology } from '../topology.js';
import type { Tracer } from '../world/engine.js';
import type { Frame } from '../world/frame.js';
import type { Call } from '../world/program.js';
import type { Replica } from '../world/replica.js';

/** Exporters send what has ended in batches this far apart, and the way takes up to so long. */
const BATCH_MS = 1000;
const TRANSIT_MS = 800;

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
    frame.serverParentId = frame.clientSpanId || frame.spanId;
    frame.spanId = frame.serverParentId;
    if (!this.serviceOf(call.service).traced) return;
    for (let depth = 0; depth < call.serverSpans.length; depth++) frame.spanId = this.newSpanId();
  }

  serverEnds(frame: Frame, endMs: number): void {
    const { serverSpans, service } = frame.call as Call;
    const { label, traced } = this.serviceOf(service);
    if (!traced || serverSpans.length === 0) return;
    // Spans of an entry are nested and their numbers follow each other: the innermost has the frame's.
    const outermost = frame.spanId - serverSpans.length + 1;
    serverSpans.forEach((operation, depth) => {
      this.record(
        {
          traceId: frame.request.traceId as string,
          spanId: hex(outermost + depth, 16),
          parentSpanId: parentId(depth === 0 ? frame.serverParentId : outermost + depth - 1),
          service: label,
          operation,
          kind: depth === 0 ? 'server' : 'internal',
          startUs: this.micros(frame.serverStartMs),
          durationUs: this.micros(endMs) - this.micros(frame.serverStartMs),
          error: frame.failed,
          peerService: undefined,
          instance: frame.replica.name,
        },
        frame.replica,
        endMs,
      );
    });
  }

  clientStarts(frame: Frame): void {
    const caller = this.topology.services[(frame.parent as Frame).replica.serviceIndex];
    if ((frame.call as Call).clientSpan !== null && caller?.traced) frame.clientSpanId = this.newSpanId();
  }

  clientEnds(frame: Frame, endMs: number): void {
    const { clientSpan, service } = frame.call as Call;
    const { replica, spanId: enclosing } = frame.parent as Frame;
    if (clientSpan === null || frame.clientSpanId === 0) return;
    this.record(
      {
        traceId: frame.request.traceId as string,
        spanId: hex(frame.clientSpanId, 16),
        parentSpanId: parentId(enclosing),
        service: replica.service.label,
        operation: clientSpan,
        kind: 'client',
        startUs: this.micros(frame.clientStartMs),
        durationUs: this.micros(endMs) - this.micros(frame.clientStartMs),
        error: frame.failed,
        peerService: this.serviceOf(service).label,
        instance: replica.name,
      },
      replica,
      endMs,
    );
  }

  /** Spans that have come by now, in the order of their end. Call it once a second. */
  deliver(): Span[] {
    this.nextSecond += 1;
    return this.late.shift() ?? [];
  }

  private record(span: Span, replica: Replica, endMs: number): void {
    // Exporters do not tick together.
    const phase = (replica.index % 7) / 7;
    const sentMs = (Math.floor(endMs / BATCH_MS + phase) + 1 - phase) * BATCH_MS;
    const second = Math.floor((sentMs + TRANSIT_MS * this.rng.uniform()) / 1000);
    const slot = Math.max(0, second - this.nextSecond);
    while (this.late.length <= slot) this.late.push([]);
    this.late[slot]?.push(span);
  }

  private micros(ms: number): number {
    return Math.round((this.originMs + ms) * 1000);
  }

  private newSpanId(): number {
    this.ids += 1;
    return this.ids;
  }

  private serviceOf(service: number): Topology['services'][number] {
    return this.topology.services[service] as Topology['services'][number];
  }
}

function parentId(id: number): string | undefined {
  return id === 0 ? undefined : hex(id, 16);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
