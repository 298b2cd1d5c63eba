import { setImmediate } from 'node:timers/promises';
import type { CallGraph } from '@sage/causal-graph';
import {
  type CollectorStats,
  type Every,
  type ReceiverSink,
  type ReceiverStarter,
  startCollector,
} from '@sage/collector-extension';
import { ManualClock, type Span, success, type Window } from '@sage/core';
import {
  createExporterFeatures,
  type ExporterReading,
  type WindowBuilderOptions,
} from '@sage/telemetry-source';
import { DataError } from '../observed.js';
import type { MetricRound } from './replay-metrics.js';

/** What was recorded of an application, in the order in which it came in. */
export interface Recording {
  readonly spans: AsyncIterable<Span>;
  readonly rounds: Iterable<MetricRound>;
}

/** What came in together. */
export interface Delivery {
  readonly timeMs: number;
  readonly spans: readonly Span[];
  readonly readings: readonly ExporterReading[];
}

export interface DeliverOptions {
  readonly windows: WindowBuilderOptions;
  /** As `CollectorOptions.onWindow`. */
  readonly onWindow: (window: Window, callGraph: () => CallGraph) => void;
}

export interface ReplayOptions extends DeliverOptions {
  /** Stops before what came in later than this. Default: everything. */
  readonly untilMs?: number;
}

/** No recording is silent for so long: a damaged time would otherwise send the clock far ahead. */
const MAX_SILENCE_MS = 3_600_000;
/** After so many deliveries others have a turn: a process whose parent is gone, say, shall hear of it. */
const TURN_EVERY = 128;

/**
 * Sends a recording through the collector extension. When a span came in is not recorded: not before it ended, and not
 * before the spans ahead of it. Throws a DataError where times leap.
 */
export async function replay(recording: Recording, options: ReplayOptions): Promise<CollectorStats> {
  return deliver(inOrder(recording, options.untilMs), options);
}

/** Spans one by one, each after the scrapes of before it. */
async function* inOrder(
  { spans, rounds }: Recording,
  untilMs = Number.POSITIVE_INFINITY,
): AsyncGenerator<Delivery> {
  const metrics = rounds[Symbol.iterator]();
  let round = metrics.next();
  for await (const span of spans) {
    const endMs = (span.startUs + span.durationUs) / 1000;
    for (; !round.done && round.value.timeMs <= Math.min(endMs, untilMs); round = metrics.next()) {
      yield { ...round.value, spans: [] };
    }
    if (endMs > untilMs) return;
    yield { timeMs: endMs, spans: [span], readings: [] };
  }
}

/**
 * Hands to the collector extension, as `sage serve` runs it, what comes in, by a clock of its own. What is no whole
 * window at the end is given up. Throws a DataError where nothing comes in, or times leap.
 */
export async function deliver(
  deliveries: AsyncIterable<Delivery> | Iterable<Delivery>,
  options: DeliverOptions,
): Promise<CollectorStats> {
  const features = createExporterFeatures();
  let line: Playback | undefined;
  let count = 0;
  for await (const { timeMs, spans, readings } of deliveries) {
    if (++count % TURN_EVERY === 0) await setImmediate();
    line ??= await startPlayback(timeMs, options);
    line.advanceTo(timeMs);
    if (readings.length > 0) line.sink.onMetrics(features.read(readings));
    if (spans.length > 0) line.sink.onSpans(spans);
  }
  if (line === undefined) throw new DataError('the recording holds no spans');
  return line.end();
}

interface Playback {
  readonly sink: ReceiverSink;
  /** Lets time pass, with every tick that falls into it; never back. */
  advanceTo(timeMs: number): void;
  end(): Promise<CollectorStats>;
}

async function startPlayback(startMs: number, { windows, onWindow }: DeliverOptions): Promise<Playback> {
  const clock = new ManualClock(startMs);
  let sink: ReceiverSink | undefined;
  const receiver: ReceiverStarter = {
    name: 'recording',
    start: async (given) => {
      sink = given;
      return success({
        address: { host: 'recording', port: 0 },
        stats: () => ({ spansDropped: {} }),
        close: async () => {},
      });
    },
  };
  let timer: { readonly periodMs: number; readonly tick: () => void; nextMs: number } | undefined;
  const every: Every = (periodMs, tick) => {
    timer = { periodMs, tick, nextMs: clock.now() + periodMs };
    return () => {
      timer = undefined;
    };
  };
  const started = await startCollector({ clock, receivers: [receiver], windows, onWindow, every });
  if (!started.ok || sink === undefined) throw new Error('the collector did not start its receiver');
  const collector = started.value;
  return {
    sink,
    advanceTo: (timeMs) => {
      if (timeMs - clock.now() > MAX_SILENCE_MS) {
        const leap = `${new Date(clock.now()).toISOString()} to ${new Date(timeMs).toISOString()}`;
        throw new DataError(`the recording leaps from ${leap}`);
      }
      while (timer !== undefined && timer.nextMs <= timeMs) {
        clock.set(timer.nextMs);
        timer.nextMs += timer.periodMs;
        timer.tick();
      }
      clock.set(Math.max(clock.now(), timeMs));
    },
    end: async () => {
      await collector.close();
      return collector.stats();
    },
  };
}
