import type { RpcObservation, Span } from '@sage/core';
import { RecentMap } from './recent-map.js';
import { RpcLinks } from './rpc-links.js';
import { traceRpcs, type UnusedSpan } from './rpc-trace.js';
import { linkSpans, type TraceTree } from './trace-tree.js';

export interface RpcAssemblerOptions {
  /** A trace is given out when nothing new of it came for this long. More than exporters batch for. Default 2500. */
  readonly graceMs?: number;
  /**
   * The same for a trace in which a span's parent is still missing, because slow requests end, and so are exported,
   * long after the calls they made. Default four times the grace.
   */
  readonly incompleteGraceMs?: number;
  /** A trace that never falls silent is given out after this long. Default 60000. */
  readonly maxTraceMs?: number;
  /** Spans held at most; beyond it the oldest traces go. Default 200000. */
  readonly maxSpans?: number;
}

/** Why a span gave no observation. */
export type AssemblerDrop = UnusedSpan | 'duplicate' | 'invalid' | 'late' | 'evicted';

export interface AssemblerStats {
  readonly spansReceived: number;
  readonly spansHeld: number;
  readonly tracesHeld: number;
  readonly observations: number;
  readonly dropped: Readonly<Record<AssemblerDrop, number>>;
}

interface Trace {
  readonly spans: Span[];
  /** Span id → place among the spans. */
  readonly places: Map<string, number>;
  /** Of all spans that came; undefined until it is asked for. */
  tree: TraceTree | undefined;
  readonly firstMs: number;
  newestMs: number;
  /** Part of the trace left before. */
  readonly partial: boolean;
}

/** What is remembered of traces that left, and of links and kinds of calls, so that memory stays bounded. */
const MAX_REMEMBERED = 100_000;
const MAX_LINKS = 20_000;

/**
 * Puts spans together to calls, trace by trace, as exporters deliver them: in any order, in batches, sometimes twice.
 * Times of arrival decide when a trace is whole, never the times in the spans: clocks differ between machines.
 */
export class RpcAssembler {
  readonly #graceMs: number;
  readonly #incompleteGraceMs: number;
  readonly #maxTraceMs: number;
  readonly #maxSpans: number;
  /** In order of first arrival. */
  readonly #traces = new Map<string, Trace>();
  /** Trace id → whether it left whole: whatever comes of it later is then a repetition or came too late. */
  readonly #left = new RecentMap<string, boolean>(MAX_REMEMBERED);
  readonly #links = new RpcLinks(MAX_LINKS);
  #spansReceived = 0;
  #spansHeld = 0;
  #observations = 0;
  readonly #dropped: Record<AssemblerDrop, number> = {
    'unpaired-client': 0,
    'lost-server': 0,
    'orphan-server': 0,
    duplicate: 0,
    invalid: 0,
    late: 0,
    evicted: 0,
  };

  constructor(options: RpcAssemblerOptions = {}) {
    this.#graceMs = options.graceMs ?? 2_500;
    this.#incompleteGraceMs = options.incompleteGraceMs ?? 4 * this.#graceMs;
    this.#maxTraceMs = options.maxTraceMs ?? 60_000;
    this.#maxSpans = options.maxSpans ?? 200_000;
  }

  /** Takes a batch in. `nowMs` is the time of its arrival. */
  add(spans: readonly Span[], nowMs: number): void {
    for (const span of spans) {
      this.#spansReceived += 1;
      if (!isValid(span)) {
        this.#dropped.invalid += 1;
        continue;
      }
      const trace = this.#traces.get(span.traceId) ?? this.#open(span.traceId, nowMs);
      if (trace === undefined) {
        this.#dropped.late += 1;
        continue;
      }
      if (trace.places.has(span.spanId)) {
        this.#dropped.duplicate += 1;
        continue;
      }
      trace.places.set(span.spanId, trace.spans.length);
      trace.spans.push(span);
      trace.tree = undefined;
      trace.newestMs = nowMs;
      this.#spansHeld += 1;
      while (this.#spansHeld > this.#maxSpans) this.#evictOldest();
    }
  }

  /** The calls of all traces that are due at `nowMs`. */
  advance(nowMs: number): RpcObservation[] {
    return this.#release((trace) => {
      if (nowMs - trace.firstMs >= this.#maxTraceMs) return true;
      const silentMs = nowMs - trace.newestMs;
      if (silentMs >= this.#incompleteGraceMs) return true;
      return silentMs >= this.#graceMs && treeOf(trace).complete;
    });
  }

  /** The calls of everything held, due or not: the end of a recording. */
  flush(): RpcObservation[] {
    return this.#release(() => true);
  }

  get spansHeld(): number {
    return this.#spansHeld;
  }

  stats(): AssemblerStats {
    return {
      spansReceived: this.#spansReceived,
      spansHeld: this.#spansHeld,
      tracesHeld: this.#traces.size,
      observations: this.#observations,
      dropped: { ...this.#dropped },
    };
  }

  /** undefined where the trace left whole. */
  #open(id: string, nowMs: number): Trace | undefined {
    const leftWhole = this.#left.get(id);
    if (leftWhole === true) return undefined;
    const trace: Trace = {
      spans: [],
      places: new Map(),
      tree: undefined,
      firstMs: nowMs,
      newestMs: nowMs,
      partial: leftWhole !== undefined,
    };
    this.#traces.set(id, trace);
    return trace;
  }

  #release(isDue: (trace: Trace) => boolean): RpcObservation[] {
    const observations: RpcObservation[] = [];
    for (const [id, trace] of this.#traces) {
      if (!isDue(trace)) continue;
      const tree = treeOf(trace);
      const { partial } = trace;
      this.#forget(id, trace, tree.complete && !partial);
      const released = traceRpcs(tree, { links: this.#links, partial, unused: this.#dropped });
      for (const observation of released) observations.push(observation);
    }
    this.#observations += observations.length;
    return observations.sort((a, b) => a.endMs - b.endMs);
  }

  #evictOldest(): void {
    for (const [id, trace] of this.#traces) {
      this.#dropped.evicted += trace.spans.length;
      this.#forget(id, trace, false);
      return;
    }
  }

  #forget(id: string, trace: Trace, whole: boolean): void {
    this.#traces.delete(id);
    this.#spansHeld -= trace.spans.length;
    this.#left.set(id, whole);
  }
}

function treeOf(trace: Trace): TraceTree {
  trace.tree ??= linkSpans(trace.spans, trace.places);
  return trace.tree;
}

function isValid(span: Span): boolean {
  return (
    span.traceId !== '' &&
    span.spanId !== '' &&
    span.parentSpanId !== span.spanId &&
    Number.isFinite(span.startUs) &&
    Number.isFinite(span.durationUs) &&
    span.durationUs >= 0
  );
}
