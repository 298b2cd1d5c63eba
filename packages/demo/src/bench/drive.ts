import { setTimeout as sleep } from 'node:timers/promises';
import { createRng } from '@sage/core';
import { startClosedLoop } from '../application/load/closed-loop.js';
import { LoadGenerator } from '../application/load/generator.js';
import type { Endpoint } from '../application/topology/topology.js';

/** One stretch of load: first at a rate, then as much as can be done. */
export interface StretchOptions {
  /** Draws arrivals and endpoints: of the same seed the same. */
  readonly seed: number;
  /** Open loop. */
  readonly requestsPerSecond: number;
  readonly openSeconds: number;
  /** Closed loop. */
  readonly connections: number;
  readonly closedSeconds: number;
  /** Before each of the two, not measured. */
  readonly warmUpSeconds: number;
}

export interface Stretch {
  /** Of requests that arrived in the measured part of the open loop, and were answered. */
  readonly latenciesMs: readonly number[];
  /** Answered requests of the closed loop in each `SLICE_SECONDS` of its measured part, per second. */
  readonly throughputs: readonly number[];
  /** All that were sent, warm-up included, and those of them that were not answered with 200. */
  readonly requests: number;
  readonly failed: number;
}

export interface Target {
  readonly entryUrl: string;
  readonly endpoints: readonly Endpoint[];
  readonly nowMs: () => number;
}

const SLICE_SECONDS = 0.25;
/** More than any stretch has under way: nothing is dropped unless the application stands still. */
const MAX_OUTSTANDING = 2000;

/** Drives one stretch; resolves when every request has ended. */
export async function driveStretch(target: Target, options: StretchOptions): Promise<Stretch> {
  const open = await driveOpen(target, options);
  const closed = await driveClosed(target, options);
  return {
    latenciesMs: open.latenciesMs,
    throughputs: closed.throughputs,
    requests: open.requests + closed.requests,
    failed: open.failed + closed.failed,
  };
}

async function driveOpen({ entryUrl, endpoints, nowMs }: Target, options: StretchOptions) {
  const latenciesMs: number[] = [];
  const counts = { requests: 0, failed: 0 };
  if (options.openSeconds > 0) {
    const fromMs = nowMs() + options.warmUpSeconds * 1000;
    const generator = new LoadGenerator({
      ...{ entryUrl, endpoints, nowMs, meanRate: options.requestsPerSecond },
      maxOutstanding: MAX_OUTSTANDING,
      rng: createRng(options.seed).fork('open loop'),
      onLatency: (_endpoint, latencyMs, code) => {
        counts.requests += 1;
        if (code !== 200) counts.failed += 1;
        else if (nowMs() - latencyMs >= fromMs) latenciesMs.push(latencyMs);
      },
      onDropped: () => {
        counts.requests += 1;
        counts.failed += 1;
      },
    });
    generator.start();
    await sleep((options.warmUpSeconds + options.openSeconds) * 1000);
    await generator.drain();
  }
  return { ...counts, latenciesMs };
}

async function driveClosed({ entryUrl, endpoints, nowMs }: Target, options: StretchOptions) {
  const throughputs: number[] = [];
  const counts = { requests: 0, failed: 0 };
  if (options.closedSeconds > 0) {
    const loop = startClosedLoop({
      ...{ entryUrl, endpoints, connections: options.connections },
      rng: createRng(options.seed).fork('closed loop'),
      onEnd: (code) => {
        counts.requests += 1;
        if (code !== 200) counts.failed += 1;
      },
    });
    await sleep(options.warmUpSeconds * 1000);
    let [fromMs, answered] = [nowMs(), counts.requests - counts.failed];
    for (let slice = 0; slice < Math.round(options.closedSeconds / SLICE_SECONDS); slice++) {
      await sleep(SLICE_SECONDS * 1000);
      const [atMs, now] = [nowMs(), counts.requests - counts.failed];
      throughputs.push(((now - answered) * 1000) / (atMs - fromMs));
      [fromMs, answered] = [atMs, now];
    }
    await loop.stop();
  }
  return { ...counts, throughputs };
}
