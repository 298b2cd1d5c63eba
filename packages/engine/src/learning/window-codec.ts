import { type FeatureName, isFeatureName, type LatencyStats, type Window } from '@sage/core';
import { decodeReplicas, encodeReplicas } from './replica-codec.js';
import { decodeStats, encodeStats } from './stats-codec.js';

/** A window in memory, with whether it lies inside an incident: normal references leave those out. */
export interface RememberedWindow {
  readonly window: Window;
  readonly inIncident: boolean;
}

/**
 * One line: {"s":0,"e":30000,"i":1,"l":{"server|…":[p50,p95,p99,count,mean]},"m":{"cart":{"cpu_usage_cores":0.2}}}, and "r"
 * with the replicas where a service has several.
 */
export function encodeWindow({ window, inIncident }: RememberedWindow): string {
  return JSON.stringify({
    s: window.startMs,
    e: window.endMs,
    ...(inIncident ? { i: 1 } : {}),
    l: Object.fromEntries([...window.latency].map(([node, stats]) => [node, encodeStats(stats)])),
    m: Object.fromEntries(
      [...window.metrics].map(([service, metrics]) => [service, Object.fromEntries(metrics)]),
    ),
    ...(window.replicas === undefined ? {} : { r: encodeReplicas(window.replicas) }),
  });
}

/** undefined where the value is not a whole window. */
export function decodeWindow(value: unknown): RememberedWindow | undefined {
  const raw = value as {
    s?: unknown;
    e?: unknown;
    i?: unknown;
    l?: unknown;
    m?: unknown;
    r?: unknown;
  } | null;
  if (typeof raw?.s !== 'number' || typeof raw.e !== 'number' || !(raw.e > raw.s)) return undefined;
  if (raw.l === null || typeof raw.l !== 'object' || raw.m === null || typeof raw.m !== 'object')
    return undefined;
  const latency = new Map<string, LatencyStats>();
  for (const [node, stats] of Object.entries(raw.l)) {
    const decoded = decodeStats(stats);
    if (decoded === undefined) return undefined;
    latency.set(node, decoded);
  }
  const metrics = new Map<string, ReadonlyMap<FeatureName, number>>();
  for (const [service, features] of Object.entries(raw.m as Record<string, Record<string, unknown>>)) {
    const known = Object.entries(features ?? {}).filter(
      (entry): entry is [FeatureName, number] => isFeatureName(entry[0]) && Number.isFinite(entry[1]),
    );
    metrics.set(service, new Map(known));
  }
  const window = { startMs: raw.s, endMs: raw.e, latency, metrics };
  const inIncident = raw.i === 1;
  if (raw.r === undefined) return { window, inIncident };
  const replicas = decodeReplicas(raw.r);
  return replicas === undefined ? undefined : { window: { ...window, replicas }, inIncident };
}
