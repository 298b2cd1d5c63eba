import { createRng, type LatencyStats, type Percentile, quantile } from '@sage/core';
import { expect } from 'chai';
import { lastingProbability } from '../src/lasting.js';

const WINDOW_MS = 10_000;
const NORMAL_MS = 20;

/** What of 2,000 requests of a window is seen that is stopped at such times for so long, requests waiting until it goes on. */
function stopped(stops: readonly (readonly [fromMs: number, forMs: number])[]): LatencyStats {
  const rng = createRng(1);
  return seen(() => {
    const atMs = WINDOW_MS * rng.uniform();
    const stop = stops.find(([fromMs, forMs]) => atMs >= fromMs && atMs < fromMs + forMs);
    return NORMAL_MS * (0.5 + rng.uniform()) + (stop === undefined ? 0 : stop[0] + stop[1] - atMs);
  });
}

function seen(latencyMs: () => number): LatencyStats {
  const all = Array.from({ length: 2000 }, latencyMs);
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((p) => quantile(all, p)) as [number, number, number];
  return { p50Ms, p95Ms, p99Ms, count: all.length };
}

const lasts = (latency: LatencyStats, percentile: Percentile = 'p95Ms', thresholdMs = 100) =>
  lastingProbability(latency, { percentile, thresholdMs, windowMs: WINDOW_MS });

const every = (ms: number, forMs: number) =>
  Array.from({ length: Math.floor(WINDOW_MS / ms) }, (_, i) => [i * ms, forMs] as const);

describe('how likely what broke an objective lasts', () => {
  const rng = createRng(2);
  const CASES: readonly [name: string, latency: LatencyStats, least: number, most: number][] = [
    ['one pause', stopped([[3000, 800]]), 0.6, 0.8],
    [
      'two pauses',
      stopped([
        [1000, 600],
        [6000, 600],
      ]),
      0.75,
      0.92,
    ],
    ['a pause each second', stopped(every(1000, 200)), 0.99, 1],
    ['requests that are slow each by itself', seen(() => (rng.uniform() < 0.1 ? 110 : 20)), 0.99, 1],
    ['a standstill for most of the window', stopped([[500, 9000]]), 0.98, 1],
  ];
  for (const [name, latency, least, most] of CASES) {
    it(`${name}: ${least} to ${most}`, () => {
      expect(lasts(latency)).to.be.within(least, most);
    });
  }

  it('is told of a median by the tail above it', () => {
    const slow = { p50Ms: 150, p95Ms: 400, p99Ms: 450, count: 1000 };
    expect(lasts(slow, 'p50Ms')).to.be.above(0.99);
  });

  it('is told of a p99 by the tail below it', () => {
    const one = stopped([[3000, 800]]);
    expect(lasts(one, 'p99Ms')).to.equal(lasts(one, 'p95Ms'));
  });

  it('is certain of a tail that is a step', () => {
    expect(lasts({ p50Ms: 20, p95Ms: 200, p99Ms: 200, count: 100 })).to.equal(1);
    expect(lasts({ p50Ms: 200, p95Ms: 200, p99Ms: 200, count: 100 })).to.equal(1);
  });
});
