import type { FeatureName, MetricSample } from '@sage/core';
import type { ExporterReading } from './exporter-reading.js';
import { CONTAINER_RULES, type ExporterRule, HOST_CPU, HOST_DISK } from './exporter-rules.js';
import { sanitizeInstance } from './names.js';

export interface ExporterFeaturesOptions {
  /** Counters remembered; the longest unheard of goes first. Default 50000. */
  readonly maxSeries?: number;
  /** A counter unheard of for longer than this starts afresh. Default 300000. */
  readonly maxGapMs?: number;
}

export interface ExporterFeaturesStats {
  readonly series: number;
  readonly seriesEvicted: number;
  /** Not newer than what was known of the series, or no finite number. */
  readonly readingsIgnored: number;
}

export interface ExporterFeatures {
  /** One round of scrapes, in any order, to samples. Counters need two rounds before they say anything. */
  read(readings: readonly ExporterReading[]): readonly MetricSample[];
  stats(): ExporterFeaturesStats;
}

interface Counter {
  readonly timeMs: number;
  readonly value: number;
}

/** Readings of one replica's feature in one round, joined as they come. */
interface Joined {
  readonly service: string;
  readonly instance: string | undefined;
  readonly feature: FeatureName;
  readonly rank: number;
  timeMs: number;
  sum: number;
  max: number;
  count: number;
  readonly rule: ExporterRule;
}

/** What the node exporter of one host said in one round. */
interface HostRound {
  timeMs: number;
  idle: number;
  all: number;
  idleSeries: number;
  diskBusy: number | undefined;
}

interface Place {
  readonly service: string;
  readonly instance: string | undefined;
  readonly host: string;
  seenMs: number;
}

/**
 * What exporters expose to features, as the PromQL of `DEFAULT_PROMETHEUS_FEATURES` would compute them. Series of the
 * host count for every container whose exporter has the same host part of `instance`.
 */
export function createExporterFeatures(options: ExporterFeaturesOptions = {}): ExporterFeatures {
  const { maxSeries = 50_000, maxGapMs = 300_000 } = options;
  const counters = new Map<string, Counter>();
  const places = new Map<string, Place>();
  let seriesEvicted = 0;
  let readingsIgnored = 0;

  /** Increase per second since the last reading; after a reset of the counter, since that. */
  const perSecond = ({ name, labels, timestampMs, value }: ExporterReading): number | undefined => {
    const key = `${name}${labelText(labels)}`;
    const last = counters.get(key);
    if (last !== undefined && timestampMs <= last.timeMs) {
      readingsIgnored += 1;
      return undefined;
    }
    counters.delete(key);
    counters.set(key, { timeMs: timestampMs, value });
    if (last === undefined || timestampMs - last.timeMs > maxGapMs) return undefined;
    const increase = value < last.value ? value : value - last.value;
    return (1000 * increase) / (timestampMs - last.timeMs);
  };

  const read = (readings: readonly ExporterReading[]): readonly MetricSample[] => {
    const joined = new Map<string, Joined>();
    const hosts = new Map<string, HostRound>();
    for (const reading of readings) {
      if (!Number.isFinite(reading.value) || !Number.isFinite(reading.timestampMs)) {
        readingsIgnored += 1;
      } else if (reading.name === HOST_CPU || reading.name === HOST_DISK) {
        readHost(reading, hosts, perSecond);
      } else {
        readContainer(reading, joined, places, perSecond);
      }
    }
    let evict = counters.size - maxSeries;
    for (const key of counters.keys()) {
      if (evict-- <= 0) break;
      counters.delete(key);
      seriesEvicted += 1;
    }
    const samples = [...joined.values()].map(sampleOf);
    const known = new Set(joined.keys());
    for (const [key, place] of places) {
      const host = hosts.get(place.host);
      if (host === undefined) continue;
      if (host.timeMs - place.seenMs > maxGapMs) {
        places.delete(key);
        continue;
      }
      const { service, instance } = place;
      const sample = (feature: FeatureName, value: number): MetricSample => ({
        service,
        ...(instance === undefined ? {} : { instance }),
        feature,
        timestampMs: host.timeMs,
        value,
      });
      const busy = busyRatio(host);
      if (busy !== undefined) samples.push(sample('cpu_host_busy_ratio', busy));
      const own = known.has(keyOf('disk_wait_ratio', service, instance));
      if (host.diskBusy !== undefined && !own) samples.push(sample('disk_wait_ratio', host.diskBusy));
    }
    return samples;
  };

  return { read, stats: () => ({ series: counters.size, seriesEvicted, readingsIgnored }) };
}

type PerSecond = (reading: ExporterReading) => number | undefined;

function readHost(reading: ExporterReading, hosts: Map<string, HostRound>, perSecond: PerSecond): void {
  const rate = perSecond(reading);
  if (rate === undefined) return;
  const name = hostOf(reading.labels.instance);
  let host = hosts.get(name);
  if (host === undefined) {
    host = { timeMs: 0, idle: 0, all: 0, idleSeries: 0, diskBusy: undefined };
    hosts.set(name, host);
  }
  host.timeMs = Math.max(host.timeMs, reading.timestampMs);
  if (reading.name === HOST_DISK) {
    host.diskBusy = Math.max(host.diskBusy ?? 0, rate);
    return;
  }
  host.all += rate;
  if (reading.labels.mode !== 'idle') return;
  host.idle += rate;
  host.idleSeries += 1;
}

/** Of all processors together. Where only idle time is exported, each series is one processor. */
function busyRatio({ idle, all, idleSeries }: HostRound): number | undefined {
  if (idleSeries === 0) return undefined;
  const capacity = all > idle ? all : idleSeries;
  return Math.min(1, Math.max(0, 1 - idle / capacity));
}

function readContainer(
  reading: ExporterReading,
  joined: Map<string, Joined>,
  places: Map<string, Place>,
  perSecond: PerSecond,
): void {
  const { labels, timestampMs } = reading;
  const service = labels.container;
  const rule = Object.hasOwn(CONTAINER_RULES, reading.name) ? CONTAINER_RULES[reading.name] : undefined;
  // cAdvisor accounts the pod's own group and its pause container, too.
  if (rule === undefined || service === undefined || service === '' || service === 'POD') return;
  if (!isWanted(rule, labels)) return;
  const instance = sanitizeInstance(labels.pod);
  if (reading.name.startsWith('container_') && labels.instance !== undefined) {
    const host = hostOf(labels.instance);
    places.set(`${service}\0${instance ?? ''}`, { service, instance, host, seenMs: timestampMs });
  }
  const raw = rule.take === 'rate' ? perSecond(reading) : reading.value;
  if (raw === undefined) return;
  const value = (rule.complement ? 1 - raw : raw) * (rule.scale ?? 1);
  const { feature, rank = 1 } = rule;
  const key = keyOf(feature, service, instance);
  const known = joined.get(key);
  if (known !== undefined && known.rank > rank) return;
  if (known === undefined || known.rank < rank) {
    const start = { timeMs: timestampMs, sum: value, max: value, count: 1 };
    joined.set(key, { service, instance, feature, rank, rule, ...start });
    return;
  }
  known.timeMs = Math.max(known.timeMs, timestampMs);
  known.sum += value;
  known.max = Math.max(known.max, value);
  known.count += 1;
}

function isWanted({ only = {} }: ExporterRule, labels: ExporterReading['labels']): boolean {
  return Object.entries(only).every(([label, value]) => (labels[label] ?? value) === value);
}

function sampleOf({ service, instance, feature, rule, timeMs, sum, max, count }: Joined): MetricSample {
  const value = rule.join === 'max' ? max : rule.join === 'sum' ? sum : sum / count;
  return {
    service,
    ...(instance === undefined ? {} : { instance }),
    feature,
    timestampMs: timeMs,
    value,
  };
}

function keyOf(feature: FeatureName, service: string, instance: string | undefined): string {
  return `${feature}\0${service}\0${instance ?? ''}`;
}

function labelText(labels: ExporterReading['labels']): string {
  let text = '';
  for (const name of Object.keys(labels).sort()) text += `\0${name}=${labels[name]}`;
  return text;
}

/** "node-1:8080" → "node-1". */
function hostOf(instance = ''): string {
  return instance.replace(/:\d+$/, '');
}
