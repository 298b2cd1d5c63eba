import {
  median,
  PERCENTILES,
  type Percentile,
  quantile,
  type RobustScale,
  robustScale,
  type Window,
} from '@sage/core';

/** An objective that one undisturbed window in a hundred misses. */
const THRESHOLD_QUANTILE = 0.99;
/** Least spread believed in, ms. */
const SPREAD_FLOOR_MS = 0.2;

/** The window of an incident to ask about, and the objective that is asked for. */
export interface Asked {
  readonly window: Window;
  readonly percentile: Percentile;
  /** For asking whether the objective broke or not: between normal and what was seen, at most `undisturbedMs`. */
  readonly thresholdMs: number;
  /** What an undisturbed window seldom exceeds. */
  readonly undisturbedMs: number;
  readonly observedMs: number;
}

/** What one percentile of a latency node is in undisturbed windows. */
export interface Normal {
  readonly percentile: Percentile;
  readonly medianMs: number;
  readonly undisturbedMs: number;
  readonly scale: RobustScale;
}

export function normalOf(node: string, undisturbed: readonly Window[]): Normal[] {
  return PERCENTILES.map((percentile) => {
    const values = undisturbed.flatMap((window) => window.latency.get(node)?.[percentile] ?? []);
    return {
      percentile,
      medianMs: median(values),
      undisturbedMs: quantile(values, THRESHOLD_QUANTILE),
      scale: robustScale(values, SPREAD_FLOOR_MS),
    };
  });
}

/**
 * Of the windows of an incident and the percentiles of what the objective watches, those that are furthest above normal;
 * undefined where no window saw it.
 */
export function askedWindow(
  node: string,
  windows: readonly Window[],
  normal: readonly Normal[],
): Asked | undefined {
  return windows
    .flatMap((window) => {
      const stats = window.latency.get(node);
      if (stats === undefined) return [];
      return normal.map(({ percentile, medianMs, undisturbedMs, scale }) => {
        const observedMs = stats[percentile];
        const thresholdMs = Math.min(undisturbedMs, (medianMs + observedMs) / 2);
        const z = (observedMs - scale.center) / scale.spread;
        return { window, percentile, thresholdMs, undisturbedMs, observedMs, z };
      });
    })
    .sort((a, b) => b.z - a.z)[0];
}
