import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

const RESOLUTION_MS = 20;

export interface EventLoopWatch {
  stop(): void;
}

/**
 * `nodejs.eventloop.delay.p99` in seconds, of the interval since the last export. The histogram holds the whole
 * length of its timer's periods, so the period itself is taken off.
 */
export function watchEventLoop(meter: Meter): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  meter
    .createObservableGauge('nodejs.eventloop.delay.p99', {
      unit: 's',
      description: 'p99 delay of the event loop since the last export',
    })
    .addCallback((result) => {
      result.observe(takeP99Seconds(histogram));
    });
  return { stop: () => histogram.disable() };
}

function takeP99Seconds(histogram: IntervalHistogram): number {
  const p99Ms = histogram.count === 0 ? 0 : histogram.percentile(99) / 1e6;
  histogram.reset();
  return Math.max(0, p99Ms - RESOLUTION_MS) / 1000;
}
