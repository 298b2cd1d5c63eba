import { median, type Percentile, quantile, robustScale, type Window } from '@sage/core';

/** An objective that one undisturbed window in a hundred misses. */
const THRESHOLD_QUANTILE = 0.99;
/** Least spread believed in, ms. */
const SPREAD_FLOOR_MS = 0.2;
const COLUMNS: readonly Percentile[] = ['p50Ms', 'p95Ms', 'p99Ms'];

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

/**
 * Of the windows of an incident and the percentiles of what the objective watches, those that are furthest above normal;
 * undefined where no window saw it.
 */
export function askedWindow(
  node: string,
  windows: readonly Window[],
  undisturbed: readonly Window[],
): Asked | undefined {
  const normal = COLUMNS.map((percentile) => {
    const values = undisturbed.flatMap((window) => window.latency.get(node)?.[percentile] ?? []);
    return {
      percentile,
      normalMs: median(values),
      undisturbedMs: quantile(values, THRESHOLD_QUANTILE),
      scale: robustScale(values, SPREAD_FLOOR_MS),
    };
  });
  return windows
    .flatMap((window) => {
      const stats = window.latency.get(node);
      if (stats === undefined) return [];
      return normal.map(({ percentile, normalMs, undisturbedMs, scale }) => {
        const observedMs = stats[percentile];
        const thresholdMs = Math.min(undisturbedMs, (normalMs + observedMs) / 2);
        const z = (observedMs - scale.center) / scale.spread;
        return { window, percentile, thresholdMs, undisturbedMs, observedMs, z };
      });
    })
    .sort((a, b) => b.z - a.z)[0];
}

/** Moves windows back by whole periods until the newest ends where `beginMs` says that others begin, or before. */
export function asIfBefore(windows: readonly Window[], beginMs: number, periodMs: number): Window[] {
  const end = Math.max(...windows.map(({ endMs }) => endMs));
  const shiftMs = periodMs * Math.ceil((end - beginMs) / periodMs);
  return windows.map((w) => ({ ...w, startMs: w.startMs - shiftMs, endMs: w.endMs - shiftMs }));
}
