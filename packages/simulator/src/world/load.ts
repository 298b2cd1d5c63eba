import type { Rng } from '@sage/core';

const DAY_MS = 86_400_000;
/** The day's swing around the mean, and bursts on top of it. */
const DAILY_SWING = 0.35;
const BURST_EVERY_MS = 600_000;
const BURST_LASTS_MS = 12_000;
const BURST_FACTOR = 1.6;
const BUSIEST_HOUR = 15;

/** Requests from outside, which come whether or not earlier ones were answered: a Poisson process. */
export class Load {
  /** Surges: at least so many times the nominal load. */
  surge = 0;
  private bursting = false;

  constructor(
    private readonly perMs: number,
    private readonly startMs: number,
    private readonly steady: boolean,
    private readonly rng: Rng,
  ) {}

  /** Expected requests per millisecond. */
  rateAt(nowMs: number): number {
    return Math.max(this.surge * this.perMs, this.usualRateAt(nowMs));
  }

  private usualRateAt(nowMs: number): number {
    if (this.steady) return this.perMs;
    const day = (this.startMs + nowMs) / DAY_MS - BUSIEST_HOUR / 24;
    const swing = 1 + DAILY_SWING * Math.cos(2 * Math.PI * day);
    return this.perMs * swing * (this.bursting ? BURST_FACTOR : 1);
  }

  /** When the next request comes. */
  next(nowMs: number): number {
    return nowMs + this.rng.exponential(1 / this.rateAt(nowMs));
  }

  /** A burst begins or ends; returns when that happens again. */
  turn(nowMs: number): number {
    this.bursting = !this.bursting;
    return nowMs + this.rng.exponential(this.bursting ? BURST_LASTS_MS : BURST_EVERY_MS);
  }

  firstBurst(): number {
    return this.rng.exponential(BURST_EVERY_MS);
  }
}
