import type { Intervention } from '@sage/causal-graph';
import { FEATURES, type FeatureName, median, quantile, type Resource, type Window } from '@sage/core';
import type { FeatureAnomaly, ServiceSigns } from './anomaly.js';
import { isWaitMeasured, OWN_USAGE } from './directness.js';
import type { NormalReference } from './normal-reference.js';

/** Below this growth nothing but the normal spread is owed to load. */
const NO_GROWTH = 1;

/**
 * How far a reading lies above what load explains. Waiting grows faster than load; its square is a modest guess of how
 * much: z' = (observed − normal·g²) / (spread·g²), where g = present load over the reference's.
 */
function zBeyondLoad(reading: FeatureAnomaly, growth: number): number {
  const factor = Math.max(NO_GROWTH, growth) ** 2;
  const spread = reading.z === 0 ? 1 : (reading.observed - reading.expected) / reading.z;
  return (reading.observed - reading.expected * factor) / (spread * factor);
}

/** What a service consumes of the resources that load uses up. */
const CONSUMED: Partial<Readonly<Record<Resource, FeatureName>>> = {
  cpu: 'cpu_usage_cores',
  disk: 'disk_io_bytes_per_second',
};
/** Growth from which on queues may have no end: nobody has seen the application carry as much. */
const OUTGROWN = 1.3;
/** Part of the growth of load that consumption must have grown by: what is used up grows no further. */
const LEAST_FOLLOWED = 0.3;

/** Waits that are the lengths of queues, seconds per second; throttling is of a quota, used up at once. */
const QUEUES: readonly FeatureName[] = ['cpu_runqueue_wait_ratio', 'disk_wait_ratio'];
/** Part of the time in use up to which a queue surely has an end, bursts and all. */
const IDLE = 0.2;

/**
 * The part of the time that something is in use, by the calls that wait for it: L = ρ² / (1 − ρ), of one server with
 * exponential times; with more servers, or more even times, it is used more.
 */
function usedPart(waiting: number): number {
  return (Math.sqrt(waiting * (waiting + 4)) - waiting) / 2;
}

/**
 * Whether a service waits for what its own load uses up: it consumes the more of it, the more it is asked. No queue's
 * wait can be extrapolated to there, unless what is waited for was idle and, used so much more, would still be; whoever
 * waits without consuming more waits for somebody else.
 */
function isOutgrown(
  { feature, expected }: FeatureAnomaly,
  { features }: ServiceSigns,
  growth: number,
): boolean {
  const { resource, resolution } = FEATURES[feature];
  const used = features.find((reading) => reading.feature === CONSUMED[resource]);
  if (growth < OUTGROWN || used === undefined || !(used.expected > 0)) return false;
  const times = used.observed / used.expected;
  if (times - 1 < LEAST_FOLLOWED * (growth - 1)) return false;
  return !QUEUES.includes(feature) || times * usedPart(Math.max(resolution, expected)) > IDLE;
}

/** Whether a reading is further from normal than the present load explains. */
function isBeyondLoad(
  reading: FeatureAnomaly,
  signs: ServiceSigns,
  { growth, threshold }: { readonly growth: number; readonly threshold: number },
): boolean {
  return zBeyondLoad(reading, growth) >= threshold && !isOutgrown(reading, signs, growth);
}

/** Consumption beyond so many times what load explains is of another making. */
const MOST_PER_LOAD = 1.5;

/**
 * What load uses up: a request takes it once. Memory it holds for as long as it waits, and of those in progress there are
 * as many as rate × time (Little 1961): where requests queue for something else it grows with the queue.
 */
const USED_UP: readonly Resource[] = OWN_USAGE.filter((resource) => resource !== 'memory');

/** Whether consumption is further from normal than load explains, where nobody measures how long it is waited for. */
function isConsumedBeyondLoad(
  { feature, z, observed, expected }: FeatureAnomaly,
  signs: ServiceSigns,
  { growth, threshold }: { readonly growth: number; readonly threshold: number },
): boolean {
  const { resource, role } = FEATURES[feature];
  if (role !== 'usage' || !USED_UP.includes(resource) || isWaitMeasured(signs, resource)) return false;
  return z >= threshold && observed > MOST_PER_LOAD * Math.max(NO_GROWTH, growth) * expected;
}

/**
 * Services that suffer more contention, or where that is not measured consume more, than their load explains, and those of
 * which a few calls take as long as packets that are sent again, though they are measured: of who is not, nothing tells that
 * it is no queue.
 */
export function strainedBeyondLoad(
  services: readonly string[],
  signs: ReadonlyMap<string, ServiceSigns>,
  options: { readonly growth: number; readonly threshold: number },
): readonly string[] {
  return services.filter((service) => {
    const own = signs.get(service);
    if (own === undefined) return false;
    const isStrained = own.features.some(
      (reading) =>
        (FEATURES[reading.feature].role === 'contention' && isBeyondLoad(reading, own, options)) ||
        isConsumedBeyondLoad(reading, own, options),
    );
    const isLossy = [...own.exclusive, ...own.shared].some(
      (entry) => entry.z >= options.threshold && entry.isLossy,
    );
    return isStrained || (isLossy && own.features.length > 0);
  });
}

/** What is nearly the most that a service ever consumed. */
const NEARLY_MOST = 0.99;

/**
 * Whether a service waits for a processor while it consumes more of one than it ever did, and no more for each request:
 * at a load that nobody has seen before, it is asked for more than it has.
 */
export function isOverloaded(
  { service, features }: ServiceSigns,
  {
    history,
    growth,
    threshold,
  }: { readonly history: readonly Window[]; readonly growth: number; readonly threshold: number },
): boolean {
  const used = features.find(({ feature }) => feature === CONSUMED.cpu);
  const waits = features.some(
    ({ feature, z }) =>
      FEATURES[feature].resource === 'cpu' && FEATURES[feature].role === 'contention' && z >= threshold,
  );
  if (used === undefined || !waits) return false;
  if (used.observed > MOST_PER_LOAD * Math.max(NO_GROWTH, growth) * used.expected) return false;
  return isMostEver(service, used, history);
}

function isMostEver(
  service: string,
  { feature, observed }: FeatureAnomaly,
  history: readonly Window[],
): boolean {
  const before = history.flatMap(({ metrics }) => metrics.get(service)?.get(feature) ?? []);
  return before.length > 0 && observed >= quantile(before, NEARLY_MOST);
}

/** Services whose use of a processor is measured, from which on they tell what is asked of all. */
const ALL_FROM = 4;

/**
 * How many times as much of a processor services use as usual (their median), where most use more than they ever did;
 * undefined where not. Of requests that are traced in part, or that wait, load is known roughly; what all use up at once
 * tells it, too: one service's trouble may keep others from work, and gives them none.
 */
export function growthOfAllUse(
  all: ReadonlyMap<string, ServiceSigns>,
  history: readonly Window[],
): number | undefined {
  const uses = [...all.values()].flatMap(({ service, features }) =>
    features
      .filter(({ feature, expected }) => feature === CONSUMED.cpu && expected > 0)
      .map((used) => ({ service, used })),
  );
  if (uses.length < ALL_FROM) return undefined;
  const most = uses.filter(({ service, used }) => isMostEver(service, used, history));
  if (most.length <= uses.length / 2) return undefined;
  return median(uses.map(({ used: { observed, expected } }) => observed / expected));
}

/** do(load normal): the roots' rates, and the metrics that load explains, take their normal values. */
export function normalLoad(
  reference: NormalReference,
  signs: ReadonlyMap<string, ServiceSigns>,
  options: { readonly window: Window; readonly growth: number; readonly threshold: number },
): Intervention {
  const metrics = new Map<string, Map<FeatureName, number>>();
  for (const [service, own] of signs) {
    const owed = own.features.filter((reading) => !isBeyondLoad(reading, own, options));
    metrics.set(service, new Map(owed.map(({ feature, expected }) => [feature, expected])));
  }
  const seen = [...reference.rootLoads].filter(([root]) => options.window.latency.has(root));
  return { metrics, exogenous: new Map(), load: new Map(seen) };
}
