import { type CallGraph, CallGraphBuilder, type CallGraphBuilderOptions } from '@sage/causal-graph';
import {
  type Clock,
  errorMessage,
  type Logger,
  type MetricSample,
  type Outcome,
  type Span,
  silentLogger,
  success,
  type Window,
} from '@sage/core';
import {
  type ListenFailure,
  type Overload,
  RpcAssembler,
  type RpcAssemblerOptions,
  WindowBuilder,
  type WindowBuilderOptions,
  type WindowCounts,
} from '@sage/telemetry-source';
import type { ReceiverCounts, ReceiverStarter, RunningReceiver } from './receiver.js';

/** Calls `tick` again and again, `periodMs` apart, until the returned function is called. */
export type Every = (periodMs: number, tick: () => void) => () => void;

export interface CollectorOptions {
  readonly clock: Clock;
  readonly receivers: readonly ReceiverStarter[];
  /** Told of every window as it closes, oldest first; `callGraph` reads the graph as it is then. */
  readonly onWindow: (window: Window, callGraph: () => CallGraph) => void;
  readonly logger?: Logger;
  /** Default: the process's own timer, which does not keep a process alive. */
  readonly every?: Every;
  /** How often calls are put together and windows closed. Default 500. */
  readonly tickMs?: number;
  /** Spans waiting for the rest of their trace; beyond it senders are told to come again. Default 200000. */
  readonly maxPendingSpans?: number;
  readonly assembler?: Omit<RpcAssemblerOptions, 'maxSpans'>;
  readonly windows?: WindowBuilderOptions;
  readonly callGraph?: CallGraphBuilderOptions;
}

export interface CollectorStats {
  /** Taken from receivers. */
  readonly spansReceived: number;
  /** Lost, by reason: by the receivers and here. A message refused whole counts once, as `datagram_…` or `request_…`. */
  readonly spansDropped: Readonly<Record<string, number>>;
  /** Of refused batches: their senders were told to come again. */
  readonly spansRefused: number;
  readonly spansHeld: number;
  /** Calls put together from spans, and what became of them. */
  readonly observations: WindowCounts;
  readonly samples: WindowCounts;
  readonly windows: number;
  /** Ticks in which `onWindow` threw. */
  readonly failures: number;
}

export interface Collector {
  /** Receiver → `host:port` on which it listens. */
  readonly endpoints: Readonly<Record<string, string>>;
  callGraph(): CallGraph;
  /** Readings from elsewhere: Prometheus, node agents. */
  addSamples(samples: readonly MetricSample[]): void;
  stats(): CollectorStats;
  /** Stops listening and lets requests under way finish. What is not yet a whole window is given up. */
  close(): Promise<void>;
}

/** Two seconds of batching in the exporters, and the ticks until an observation is made and used. */
const BATCHING_MS = 3_500;
const DEFAULT_GRACE_MS = 2_500;

/**
 * The span side of Sage: spans in, windows and the call graph out. Fails where a receiver cannot listen; then nothing
 * is left running.
 */
export async function startCollector(options: CollectorOptions): Promise<Outcome<Collector, ListenFailure>> {
  const pipeline = new Pipeline(options);
  const running = new Map<string, RunningReceiver>();
  const closeReceivers = () => Promise.all([...running.values()].map((receiver) => receiver.close()));
  for (const { name, start } of options.receivers) {
    const receiver = await start({
      onSpans: (spans) => pipeline.takeSpans(spans),
      onMetrics: (samples) => pipeline.takeSamples(samples),
      onError: (error) =>
        pipeline.logger.error('receiver failed', { receiver: name, error: errorMessage(error) }),
    });
    if (!receiver.ok) {
      await closeReceivers();
      return receiver;
    }
    running.set(name, receiver.value);
  }
  const stop = (options.every ?? everyInterval)(options.tickMs ?? 500, () => pipeline.tick());
  let closed: Promise<void> | undefined;
  const close = async () => {
    stop();
    await closeReceivers();
  };
  return success({
    endpoints: Object.fromEntries([...running].map(([name, { address }]) => [name, hostAndPort(address)])),
    callGraph: () => pipeline.callGraph(),
    addSamples: (samples) => {
      pipeline.takeSamples(samples);
    },
    stats: () => pipeline.stats(running.values()),
    close: () => {
      closed ??= close();
      return closed;
    },
  });
}

/** Assembler, windows and call graph, driven by ticks. */
class Pipeline {
  readonly logger: Logger;
  readonly #clock: Clock;
  readonly #onWindow: CollectorOptions['onWindow'];
  readonly #maxPendingSpans: number;
  readonly #retryAfterMs: number;
  readonly #assembler: RpcAssembler;
  readonly #windows: WindowBuilder;
  readonly #calls: CallGraphBuilder;
  #spansRefused = 0;
  #failures = 0;

  constructor(options: CollectorOptions) {
    const graceMs = options.assembler?.graceMs ?? DEFAULT_GRACE_MS;
    this.logger = options.logger ?? silentLogger;
    this.#clock = options.clock;
    this.#onWindow = options.onWindow;
    this.#maxPendingSpans = options.maxPendingSpans ?? 200_000;
    this.#retryAfterMs = graceMs;
    this.#assembler = new RpcAssembler({ ...options.assembler, graceMs, maxSpans: this.#maxPendingSpans });
    this.#windows = new WindowBuilder({ latenessMs: graceMs + BATCHING_MS, ...options.windows });
    this.#calls = new CallGraphBuilder(options.callGraph);
    this.#windows.advance(this.#clock.now());
  }

  takeSpans(spans: readonly Span[]): Overload | undefined {
    const held = this.#assembler.spansHeld;
    // A batch that alone exceeds the bound would never be taken otherwise; the assembler then evicts.
    if (held > 0 && held + spans.length > this.#maxPendingSpans) {
      this.#spansRefused += spans.length;
      return { retryAfterMs: this.#retryAfterMs };
    }
    this.#assembler.add(spans, this.#clock.now());
    return undefined;
  }

  takeSamples(samples: readonly MetricSample[]): undefined {
    this.#windows.addSamples(samples, this.#clock.now());
  }

  callGraph(): CallGraph {
    return this.#calls.graph(this.#clock.now());
  }

  tick(): void {
    const nowMs = this.#clock.now();
    const observations = this.#assembler.advance(nowMs);
    this.#calls.add(observations, nowMs);
    this.#windows.addObservations(observations, nowMs);
    for (const window of this.#windows.advance(nowMs)) {
      try {
        this.#onWindow(window, () => this.callGraph());
      } catch (error) {
        this.#failures += 1;
        this.logger.error('window not processed', { endMs: window.endMs, error: errorMessage(error) });
      }
    }
  }

  stats(receivers: Iterable<RunningReceiver>): CollectorStats {
    const assembler = this.#assembler.stats();
    const windows = this.#windows.stats();
    const spansDropped: Record<string, number> = { ...assembler.dropped };
    for (const receiver of receivers) {
      const counts = receiver.stats();
      addCounts(spansDropped, '', counts.spansDropped);
      addCounts(spansDropped, 'datagram_', counts.datagramsDropped);
      addCounts(spansDropped, 'request_', counts.requestsRefused);
    }
    return {
      spansReceived: assembler.spansReceived,
      spansDropped,
      spansRefused: this.#spansRefused,
      spansHeld: assembler.spansHeld,
      observations: windows.observations,
      samples: windows.samples,
      windows: windows.windows,
      failures: this.#failures,
    };
  }
}

function addCounts(
  sums: Record<string, number>,
  prefix: string,
  counts: ReceiverCounts['spansDropped'] = {},
): void {
  for (const [reason, count] of Object.entries(counts)) {
    sums[prefix + reason] = (sums[prefix + reason] ?? 0) + (count ?? 0);
  }
}

function hostAndPort({ host, port }: RunningReceiver['address']): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function everyInterval(periodMs: number, tick: () => void): () => void {
  const timer = setInterval(tick, periodMs);
  timer.unref();
  return () => clearInterval(timer);
}
