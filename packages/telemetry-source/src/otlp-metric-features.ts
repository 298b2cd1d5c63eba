import { type FeatureName, isFeatureName, type MetricSample } from '@sage/core';
import type { MetricPoint } from './metric-point.js';

/** How a metric becomes a feature: its values times the scale of its unit, joined over the series of one process. */
interface FeatureRule {
  readonly feature: FeatureName;
  /** Several pools, devices or workers of one process: added up, or the worst of them. */
  readonly join: 'sum' | 'max';
  /** Set where the metric is a time: its values become milliseconds. */
  readonly timeUnit?: string;
}

/** OpenTelemetry's metrics that tell of a fault inside a process; the older names of the pool's beside the new. */
const RULES: Readonly<Record<string, FeatureRule>> = {
  'nodejs.eventloop.delay.p99': { feature: 'software_event_loop_lag_ms', join: 'max', timeUnit: 's' },
  'db.client.connection.pending_requests': { feature: 'software_pool_pending', join: 'sum' },
  'db.client.connections.pending_requests': { feature: 'software_pool_pending', join: 'sum' },
  'db.client.connection.wait_time': { feature: 'software_pool_wait_ms', join: 'max', timeUnit: 's' },
  'db.client.connections.wait_time': { feature: 'software_pool_wait_ms', join: 'max', timeUnit: 'ms' },
};

const OWN_PREFIX = 'sage.';

const MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };

/**
 * The rule of a metric's name. `sage.<feature>` brings a feature as it is, in the feature's own unit; ratios and times
 * of several series are joined by the worst, amounts and rates are added.
 */
function ruleOf(name: string): FeatureRule | undefined {
  if (Object.hasOwn(RULES, name)) return RULES[name];
  if (!name.startsWith(OWN_PREFIX)) return undefined;
  const feature = name.slice(OWN_PREFIX.length);
  if (!isFeatureName(feature)) return undefined;
  return { feature, join: /_(ratio|ms)$/.test(feature) ? 'max' : 'sum' };
}

export function isFeatureMetric(name: string): boolean {
  return ruleOf(name) !== undefined;
}

/** Samples read from one request, and the state to keep once somebody has taken them. */
export interface FeatureReading {
  readonly samples: readonly MetricSample[];
  commit(): void;
}

export interface MetricFeatures {
  /** Reading alone changes nothing: a request refused for overload and sent again reads the same. */
  read(points: readonly MetricPoint[]): FeatureReading;
  stats(): { readonly series: number; readonly seriesEvicted: number };
}

/** The last that was seen of a series: what the next point is compared with. */
interface Previous {
  readonly startMs: number;
  readonly timeMs: number;
  readonly value: number;
  readonly count: number;
}

/**
 * Turns data points into features. Gauges and up-down counters stand for themselves, counters become rates per
 * second, histograms the mean of the export interval. Cumulative series are compared with their previous point,
 * kept for at most `maxSeries` series; the longest unheard of goes first.
 */
export function createMetricFeatures({ maxSeries = 10_000 } = {}): MetricFeatures {
  const previous = new Map<string, Previous>();
  let seriesEvicted = 0;

  return {
    read: (points) => {
      const pending = new Map<string, Previous>();
      const joined = new Map<string, { -readonly [K in keyof MetricSample]: MetricSample[K] }>();
      for (const point of points) {
        const rule = ruleOf(point.name);
        if (rule === undefined) continue;
        const raw = reading(point, pending, previous);
        if (raw === undefined || !Number.isFinite(raw)) continue;
        const value = raw * scaleOf(rule, point.unit);
        const { service, instance, timeMs } = point;
        const { feature } = rule;
        const key = [feature, service, instance ?? '', timeMs].join('\0');
        const sample = joined.get(key);
        if (sample === undefined) {
          const replica = instance === undefined ? {} : { instance };
          joined.set(key, { service, ...replica, feature, timestampMs: timeMs, value });
        } else sample.value = rule.join === 'sum' ? sample.value + value : Math.max(sample.value, value);
      }
      return {
        samples: [...joined.values()],
        commit: () => {
          for (const [key, seen] of pending) {
            previous.delete(key);
            previous.set(key, seen);
          }
          for (const key of previous.keys()) {
            if (previous.size <= maxSeries) break;
            previous.delete(key);
            seriesEvicted++;
          }
        },
      };
    },
    stats: () => ({ series: previous.size, seriesEvicted }),
  };
}

function scaleOf(rule: FeatureRule, unit: string): number {
  if (rule.timeUnit === undefined) return 1;
  return MILLISECONDS[unit] ?? MILLISECONDS[rule.timeUnit] ?? 1;
}

/** What a point says of its interval; undefined where that takes a previous point and there is none. */
function reading(
  point: MetricPoint,
  pending: Map<string, Previous>,
  previous: ReadonlyMap<string, Previous>,
): number | undefined {
  const { value, startMs, timeMs } = point;
  if (value.kind === 'gauge') return value.value;
  if (value.kind === 'sum' && !value.monotonic && value.temporality === 'cumulative') return value.value;

  const key = [point.name, point.service, point.instance ?? '', point.series].join('\0');
  const last = pending.get(key) ?? previous.get(key);
  if (value.kind === 'sum' && !value.monotonic) {
    const total = (last?.value ?? 0) + value.value;
    pending.set(key, { startMs, timeMs, value: total, count: 0 });
    return total;
  }
  const amount = value.kind === 'sum' ? value.value : value.sum;
  const count = value.kind === 'sum' ? 0 : value.count;
  const change =
    value.temporality === 'delta'
      ? { amount, count, seconds: (timeMs - startMs) / 1000 }
      : since(last, { startMs, timeMs, value: amount, count }, key, pending);
  if (change === undefined) return undefined;
  if (value.kind === 'histogram') return change.count > 0 ? change.amount / change.count : undefined;
  return change.seconds > 0 ? change.amount / change.seconds : undefined;
}

/** The change of a cumulative series since its last point; after a restart of the sender, since that. */
function since(
  last: Previous | undefined,
  now: Previous,
  key: string,
  pending: Map<string, Previous>,
): { readonly amount: number; readonly count: number; readonly seconds: number } | undefined {
  if (last !== undefined && now.timeMs <= last.timeMs) return undefined;
  pending.set(key, now);
  if (last === undefined) return undefined;
  const restarted = now.startMs > last.startMs || now.value < last.value || now.count < last.count;
  if (restarted) {
    const startMs = Math.max(now.startMs, last.timeMs);
    return { amount: now.value, count: now.count, seconds: (now.timeMs - startMs) / 1000 };
  }
  return {
    amount: now.value - last.value,
    count: now.count - last.count,
    seconds: (now.timeMs - last.timeMs) / 1000,
  };
}
