import { type FeatureName, isFeatureName, type LatencyStats, type Window } from '@sage/core';

/** A window in memory, with whether it lies inside an incident: normal references leave those out. */
export interface RememberedWindow {
  readonly window: Window;
  readonly inIncident: boolean;
}

/** One line: {"s":0,"e":30000,"i":1,"l":{"server|…":[p50,p95,p99,count]},"m":{"cart":{"cpu_usage_cores":0.2}}}. */
export function encodeWindow({ window, inIncident }: RememberedWindow): string {
  return JSON.stringify({
    s: window.startMs,
    e: window.endMs,
    ...(inIncident ? { i: 1 } : {}),
    l: Object.fromEntries(
      [...window.latency].map(([node, stats]) => [
        node,
        [round(stats.p50Ms), round(stats.p95Ms), round(stats.p99Ms), stats.count],
      ]),
    ),
    m: Object.fromEntries(
      [...window.metrics].map(([service, metrics]) => [service, Object.fromEntries(metrics)]),
    ),
  });
}

/** undefined where the value is not a whole window. */
export function decodeWindow(value: unknown): RememberedWindow | undefined {
  const raw = value as { s?: unknown; e?: unknown; i?: unknown; l?: unknown; m?: unknown } | null;
  if (typeof raw?.s !== 'number' || typeof raw.e !== 'number' || !(raw.e > raw.s)) return undefined;
  if (raw.l === null || typeof raw.l !== 'object' || raw.m === null || typeof raw.m !== 'object')
    return undefined;
  const latency = new Map<string, LatencyStats>();
  for (const [node, stats] of Object.entries(raw.l)) {
    if (!Array.isArray(stats) || stats.length !== 4 || !stats.every(Number.isFinite)) return undefined;
    const [p50Ms, p95Ms, p99Ms, count] = stats as [number, number, number, number];
    latency.set(node, { p50Ms, p95Ms, p99Ms, count });
  }
  const metrics = new Map<string, ReadonlyMap<FeatureName, number>>();
  for (const [service, features] of Object.entries(raw.m as Record<string, Record<string, unknown>>)) {
    const known = Object.entries(features ?? {}).filter(
      (entry): entry is [FeatureName, number] => isFeatureName(entry[0]) && Number.isFinite(entry[1]),
    );
    metrics.set(service, new Map(known));
  }
  return { window: { startMs: raw.s, endMs: raw.e, latency, metrics }, inIncident: raw.i === 1 };
}

/** Microseconds suffice. */
function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
