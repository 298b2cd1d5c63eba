import { createRng, quantile, type Rng } from '@sage/core';
import { expect } from 'chai';
import { OwnDelay } from '../src/own-delay.js';
import { bendOf, runsOf } from '../src/run-times.js';
import { Stalls, stalledBeyond } from '../src/stalls.js';

const exponential = (rng: Rng): number => -Math.log(1 - rng.uniform());

/** Of a Poisson process with one event a unit of time how many come before `time`. */
function poisson(time: number, rng: Rng): number {
  let [events, at] = [0, exponential(rng)];
  while (at < time) {
    events++;
    at += exponential(rng);
  }
  return events;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('stalls that come at random', () => {
  it('hold up as many runs as meet any', () => {
    expect(stalledBeyond(0, 0.5)).to.be.closeTo(1 - Math.exp(-0.5), 1e-9);
    expect(stalledBeyond(0, 8)).to.be.closeTo(1 - Math.exp(-8), 1e-9);
  });

  it('are one at most where they are rare, and then as long as one', () => {
    // P(one) · P(longer than 2), and P(two) · P(two together longer than 2): e^−2 (0.01 + 0.01² / 2 · 3).
    expect(stalledBeyond(2, 0.01)).to.be.closeTo(Math.exp(-2) * Math.exp(-0.01) * 0.01015, 1e-6);
  });

  it('hold up half of the runs for longer than about their mean where there are many of them', () => {
    expect(stalledBeyond(32, 32)).to.be.closeTo(0.5, 0.03);
    expect(stalledBeyond(32 + 1.645 * Math.sqrt(2 * 32), 32)).to.be.closeTo(0.05, 0.02);
  });

  for (const perRun of [1 / 128, 1, 32]) {
    it(`have a mean of ${perRun}, and a table says so, too`, () => {
      const stalls = new Stalls(perRun);
      const step = stalls.most / 1000;
      const mean = sum(Array.from({ length: 1000 }, (_, i) => step * stalls.beyond((i + 0.5) * step)));
      expect(mean / perRun).to.be.within(0.85, 1.01);
      for (const delay of [0.1, 1, 10, 50]) {
        expect(stalls.beyond(delay)).to.be.closeTo(stalledBeyond(delay, perRun), 2e-3);
      }
      expect(stalls.beyond(-1)).to.equal(1);
    });
  }
});

describe('runs of which three quantiles are known', () => {
  const shareBeyond = (runs: ReturnType<typeof runsOf>, limitMs: number) =>
    sum(runs.filter(({ ms }) => ms > limitMs).map(({ share }) => share));

  it('lie where their quantiles say, all of them together', () => {
    for (const bend of [0.2, 1, 5]) {
      const runs = runsOf([10, 40, 60], bend);
      expect(shareBeyond(runs, 0)).to.be.closeTo(1, 1e-9);
      // As near as one point of them is to the next.
      for (const [ms, share] of [
        [10, 0.5],
        [40, 0.05],
        [60, 0.01],
      ] as const) {
        expect(shareBeyond(runs, ms) / share).to.be.within(0.88, 1.14);
      }
    }
  });

  it('are few between a median that is as usual and a p95 that is not, where their mean is short', () => {
    // One in sixteen takes 100 ms and all others 1 ms.
    const quantiles = [1, 100, 100];
    const bend = bendOf(quantiles, 15 / 16 + 100 / 16);
    expect(shareBeyond(runsOf(quantiles, bend), 50)).to.be.within(0.05, 0.08);
    expect(shareBeyond(runsOf(quantiles, 1), 50)).to.be.above(0.15);
  });

  it('are many there where their mean is long', () => {
    const quantiles = [1, 100, 100];
    expect(shareBeyond(runsOf(quantiles, bendOf(quantiles, 45)), 50)).to.be.above(0.4);
  });
});

describe('an own delay that hides behind what a node is handed', () => {
  const RUNS = 4000;
  const QUANTILES = [0.5, 0.95, 0.99];
  const quantilesOf = (values: readonly number[]) => QUANTILES.map((q) => quantile(values, q));
  const calm = (rng: Rng) => 8 + 4 * exponential(rng);
  /** Of one run in ten something took 60 ms more in the mean. */
  const slow = (rng: Rng) => calm(rng) + (rng.uniform() < 0.1 ? 60 * exponential(rng) : 0);

  /** A node whose own delay is 8 ms in the mean, handed what is slow: what it takes once that is calm, foretold and true. */
  function restored(stallsPerRun: number): {
    readonly foretold: readonly number[];
    readonly truth: readonly number[];
  } {
    const rng = createRng(7);
    const stallMs = 8 / stallsPerRun;
    const delays = Array.from(
      { length: RUNS },
      () => stallMs * sum(Array.from({ length: poisson(stallsPerRun, rng) }, () => exponential(rng))),
    );
    const handed = delays.map(() => slow(rng));
    const delayMs = sum(delays) / RUNS;
    const own = new OwnDelay({
      mean: { delayMs, restMs: sum(handed) / RUNS },
      base: quantilesOf(handed),
      took: quantilesOf(delays.map((ms, i) => ms + (handed[i] as number))),
      count: RUNS,
    });
    const usual = delays.map(() => calm(rng));
    const spreads = own.take(quantilesOf(usual));
    return {
      foretold: QUANTILES.map((_, q) => sum(spreads.map(({ took, weight }) => weight * (took[q] as number)))),
      truth: quantilesOf(delays.map((ms, i) => ms + (usual[i] as number))),
    };
  }

  for (const stallsPerRun of [1 / 8, 1, 8]) {
    it(`comes to light where that is restored: ${stallsPerRun} stalls a run`, () => {
      const { foretold, truth } = restored(stallsPerRun);
      truth.forEach((ms, q) => {
        expect((foretold[q] as number) / ms, `${QUANTILES[q]}`).to.be.within(0.75, 1.33);
      });
    });
  }

  it('is never told for sure by a handful of runs', () => {
    const facts = { mean: { delayMs: 8, restMs: 12 }, base: [11, 20, 30], took: [17, 38, 55] };
    const spread = (count: number) => new OwnDelay({ ...facts, count }).take([11, 20, 30]).length;
    expect(spread(10)).to.be.above(spread(10_000));
  });
});
