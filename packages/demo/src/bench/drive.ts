import { setTimeout as sleep } from 'node:timers/promises';
import { createRng } from '@sage/core';
import type { Stretch, StretchOptions } from '@sage/evaluation';
import { startClosedLoop } from '../application/load/closed-loop.js';
import { LoadGenerator } from '../application/load/generator.js';
import type { Endpoint } from '../application/topology/topology.js';

/** What has been used and received since the start. */
export interface Usage {
  readonly cpuMs: number;
  readonly receiverCpuMs: number;
  readonly received: number;
}

export interface Target {
  readonly entryUrl: string;
  readonly endpoints: readonly Endpoint[];
  readonly nowMs: () => number;
  readonly usage: () => Promise<Usage>;
}

/** More than any stretch has under way: nothing is dropped unless the application stands still. */
const MAX_OUTSTANDING = 2000;

/** Drives one stretch; resolves when every request has ended. */
export async function driveStretch(target: Target, options: StretchOptions): Promise<Stretch> {
  const { requests, failed, ...open } = await driveOpen(target, options);
  const closed = await driveClosed(target, options);
  return {
    ...open,
    throughputPerSecond: closed.throughputPerSecond,
    requests: requests + closed.requests,
    failed: failed + closed.failed,
  };
}

async function driveOpen({ entryUrl, endpoints, nowMs, usage }: Target, options: StretchOptions) {
  const latenciesMs: number[] = [];
  const counts = { requests: 0, failed: 0 };
  if (options.openSeconds === 0) return { ...counts, latenciesMs, cpuMs: 0, receiverCpuMs: 0, received: 0 };
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
  try {
    // Spans wait for company: those of the warm-up come in what is measured, and its last ones afterwards.
    await sleep(options.warmUpSeconds * 1000);
    const before = await usage();
    await sleep(options.openSeconds * 1000);
    const after = await usage();
    await generator.drain();
    return {
      ...{ ...counts, latenciesMs },
      cpuMs: after.cpuMs - before.cpuMs,
      receiverCpuMs: after.receiverCpuMs - before.receiverCpuMs,
      received: after.received - before.received,
    };
  } finally {
    generator.stop();
  }
}

async function driveClosed({ entryUrl, endpoints, nowMs }: Target, options: StretchOptions) {
  const counts = { requests: 0, failed: 0 };
  if (options.closedSeconds === 0) return { ...counts, throughputPerSecond: Number.NaN };
  const loop = startClosedLoop({
    ...{ entryUrl, endpoints, connections: options.connections },
    rng: createRng(options.seed).fork('closed loop'),
    onEnd: (code) => {
      counts.requests += 1;
      if (code !== 200) counts.failed += 1;
    },
  });
  const answered = () => counts.requests - counts.failed;
  await sleep(options.warmUpSeconds * 1000);
  const [fromMs, before] = [nowMs(), answered()];
  await sleep(options.closedSeconds * 1000);
  const throughputPerSecond = ((answered() - before) * 1000) / (nowMs() - fromMs);
  await loop.stop();
  return { ...counts, throughputPerSecond };
}
