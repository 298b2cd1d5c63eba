import type { Abduction, LatencyNode } from '@sage/causal-graph';
import {
  callsPerSecond,
  FEATURES,
  type FeatureName,
  type FeatureRole,
  median,
  PERCENTILES,
  type Percentile,
  type Resource,
  type Window,
} from '@sage/core';
import { callersIn } from './callers.js';
import { callsAlikeIn } from './calls-alike.js';
import type { GraphView } from './graph-view.js';
import { judgedPercentiles } from './judged-percentiles.js';
import type { NormalReference } from './normal-reference.js';
import { isTimeOut, looksLost } from './retransmission.js';

/** A reading of a service beside what is normal. */
export interface FeatureAnomaly {
  readonly feature: FeatureName;
  readonly observed: number;
  readonly expected: number;
  /** (observed − expected) / the spread above what is expected; positive is worse for every feature. */
  readonly z: number;
  /** What of `z` is above that of most other services: a sign that all of them show is nobody's own. */
  readonly ownZ: number;
}

/** A latency node beside what its observed parents make of it (`z`) and beside its normal self (`slowness`). */
export interface NodeAnomaly {
  readonly node: LatencyNode;
  readonly observedMs: number;
  readonly expectedMs: number;
  readonly z: number;
  readonly slowness: number;
  /** How much longer than expected it took at the objective's percentile… */
  readonly excessMs: number;
  /** …at the median… */
  readonly medianExcessMs: number;
  /** …and in the mean, as far as three quantiles tell. */
  readonly meanExcessMs: number;
  /** Whether some of the calls have waited for packets to be sent again. */
  readonly isLossy: boolean;
}

/**
 * Its slowness is asked of few nodes, and dear. A class, since a getter in a literal gives each object a hidden class of its
 * own, which stays until all of the heap is collected and makes all code slow that meets such objects.
 */
class ReadNode implements NodeAnomaly {
  readonly node: LatencyNode;
  readonly observedMs: number;
  readonly expectedMs: number;
  readonly z: number;
  readonly excessMs: number;
  readonly medianExcessMs: number;
  readonly meanExcessMs: number;
  readonly isLossy: boolean;
  readonly #slownessOf: () => number;
  #slowness: number | undefined;

  constructor(read: Omit<NodeAnomaly, 'slowness'>, slownessOf: () => number) {
    this.node = read.node;
    this.observedMs = read.observedMs;
    this.expectedMs = read.expectedMs;
    this.z = read.z;
    this.excessMs = read.excessMs;
    this.medianExcessMs = read.medianExcessMs;
    this.meanExcessMs = read.meanExcessMs;
    this.isLossy = read.isLossy;
    this.#slownessOf = slownessOf;
  }

  get slowness(): number {
    this.#slowness ??= this.#slownessOf();
    return this.#slowness;
  }
}

/** All that was measured of one service. */
export interface ServiceSigns {
  readonly service: string;
  readonly features: readonly FeatureAnomaly[];
  /** Whether it waits for connections that its calls never made scarce before. */
  readonly lacksConnections?: boolean;
  /**
   * Seconds per second by which its own compute took longer than expected, over all its calls; a store's, its link in
   * it.
   */
  readonly excessSeconds: number;
  /** Nodes that only this service owns. */
  readonly exclusive: readonly NodeAnomaly[];
  /** Nodes it owns with another: the traces cannot tell which of the two is slow. */
  readonly shared: readonly NodeAnomaly[];
}

export function noSigns(service: string): ServiceSigns {
  return { service, features: [], excessSeconds: 0, exclusive: [], shared: [] };
}

/** z beyond which one sign is as convincing as another: units of different features are not comparable so far out. */
export const CONVINCING = 30;

/** What is left of a z above ordinary noise, at most `CONVINCING`. */
export function strength(z: number): number {
  return Number.isNaN(z) ? 0 : Math.max(0, Math.min(z, CONVINCING + 2) - 2);
}

/** Between quantiles that lie further apart than this a tail is not told any better. */
const WIDEST = 1000;

/** Mean of what grows exponentially from one value to another: (b − a) / ln(b / a). */
function logarithmicMean(from: number, to: number): number {
  const low = Math.max(Math.min(from, to), Math.max(from, to) / WIDEST);
  const high = Math.max(from, to);
  return high - low < 1e-9 ? high : (high - low) / Math.log(high / low);
}

/** The mean of what has the quantiles p50, p95 and p99, none below 0: tails are taken to be exponential. */
function meanOfQuantiles([p50 = 0, p95 = 0, p99 = 0]: readonly number[]): number {
  return 0.375 * p50 + 0.45 * logarithmicMean(p50, p95) + 0.04 * logarithmicMean(p95, p99) + 0.01 * p99;
}

/** Nothing that is not wholly believed is beyond doubt. */
function believed(z: number, belief: number): number {
  return belief >= 1 ? z : belief * Math.min(z, CONVINCING + 2);
}

/** Reads the signs of every service of the graph off the violating window. */
export function readSigns(
  view: GraphView,
  window: Window,
  options: {
    readonly reference: NormalReference;
    readonly abduction: Abduction;
    readonly percentile: Percentile;
  },
): ReadonlyMap<string, ServiceSigns> {
  const { reference, abduction } = options;
  const callers = callersIn(view, window, options);
  const callsAlike = callsAlikeIn(view, window, abduction);
  const readNode = (node: LatencyNode): NodeAnomaly | undefined => {
    const count = window.latency.get(node.id)?.count ?? 0;
    const residuals = PERCENTILES.map((percentile) => abduction.residual(node.id, percentile));
    const beyond = (percentile: Percentile) => callsAlike(node, percentile);
    const read = judgedPercentiles(beyond, options.percentile, node.parents.length === 0).flatMap(
      ({ percentile, belief: byCount }) => {
        const residual = residuals[PERCENTILES.indexOf(percentile)];
        if (residual === undefined) return [];
        const belief = byCount >= 1 || callers.wait(node, residual) ? 1 : byCount;
        // Data of services and not of calls do not tell who waits for nobody.
        if (belief < 1 && percentile === options.percentile && !callers.areTraced(node)) return [];
        return [{ percentile, belief, ...residual, z: believed(residual.z, belief) }];
      },
    );
    if (read.length === 0) return undefined;
    const { percentile, belief, observedMs, expectedMs, z } = read.reduce((a, b) => (b.z > a.z ? b : a));
    const excessesMs = residuals.map((residual) =>
      residual === undefined ? 0 : Math.max(0, residual.observedMs - residual.expectedMs),
    );
    const slowness = (): number => {
      const normal = reference.latency(node.id, percentile);
      return normal === undefined ? 0 : believed((observedMs - normal.center) / normal.spread, belief);
    };
    const excesses = {
      excessMs: excessesMs[PERCENTILES.indexOf(options.percentile)] ?? 0,
      medianExcessMs: excessesMs[0] ?? 0,
      meanExcessMs: meanOfQuantiles(excessesMs),
      isLossy: looksLost(excessesMs, count),
    };
    return new ReadNode({ node, observedMs, expectedMs, z, ...excesses }, slowness);
  };
  // A node that two services own is read once.
  const nodes = new Set([...view.owned.values()].flat());
  const anomalies = new Map([...nodes].map((node) => [node, readNode(node)]));
  const features = readFeatures([...view.owned.keys()], window, reference);
  return new Map(
    [...view.owned].map(([service, owned]) => {
      const read = owned.flatMap((node) => anomalies.get(node) ?? []);
      const alone = (entry: NodeAnomaly): boolean => new Set(entry.node.owners).size === 1;
      return [
        service,
        {
          service,
          features: features.get(service) ?? [],
          excessSeconds: excessOf(
            read.filter((entry) => alone(entry) || isServedBy(service, entry)),
            window,
          ),
          exclusive: read.filter(alone),
          shared: read.filter((entry) => !alone(entry)),
        },
      ];
    }),
  );
}

/** Whether a tail is longer by just what one to three retransmissions take. */
export function isTimedOut({ isLossy, observedMs, expectedMs }: NodeAnomaly): boolean {
  return isLossy && isTimeOut(observedMs - expectedMs);
}

/** A call of a store, whose compute shows in it alone. */
function isServedBy(service: string, { node }: NodeAnomaly): boolean {
  return node.kind === 'client' && node.parents.length === 0 && node.rpc.callee === service;
}

function excessOf(nodes: readonly NodeAnomaly[], window: Window): number {
  return nodes.reduce(
    (sum, { node, meanExcessMs }) => sum + (callsPerSecond(window, node.id) * meanExcessMs) / 1000,
    0,
  );
}

/** Services that a feature is measured of, from which on they tell what is common to them. */
const COMMON_FROM = 4;

/** Readings of services beside what is normal. */
export function readFeatures(
  services: readonly string[],
  window: Window,
  reference: NormalReference,
): ReadonlyMap<string, readonly FeatureAnomaly[]> {
  const read = services.map((service) => {
    const normal = reference.features(service);
    const features = [...(window.metrics.get(service) ?? [])].flatMap(([feature, observed]) => {
      const scale = normal.get(feature);
      if (scale === undefined || !Number.isFinite(observed)) return [];
      return [{ feature, observed, expected: scale.center, z: (observed - scale.center) / scale.spread }];
    });
    return { service, features };
  });
  const zs = new Map<FeatureName, number[]>();
  for (const { features } of read) {
    for (const { feature, z } of features) {
      const known = zs.get(feature);
      if (known === undefined) zs.set(feature, [z]);
      else known.push(z);
    }
  }
  const common = new Map(
    [...zs].map(([feature, list]) => [feature, list.length < COMMON_FROM ? 0 : Math.max(0, median(list))]),
  );
  return new Map(
    read.map(({ service, features }) => [
      service,
      features.map(({ feature, observed, expected, z }) => ({
        feature,
        observed,
        expected,
        z,
        ownZ: z - (common.get(feature) ?? 0),
      })),
    ]),
  );
}

/** Waits that add up to latency: both are seconds per second. */
const WAITS: readonly FeatureName[] = [
  'cpu_runqueue_wait_ratio',
  'cpu_throttled_ratio',
  'cpu_pressure_ratio',
  'memory_pressure_ratio',
  'disk_wait_ratio',
];
/** A wait from which on it is asked how much latency it explains… */
export const NOTED_Z = 3;
/** …or of a service that waits longer than it runs: so many seconds per second at least. */
const LEAST_WAIT = 0.01;

function isNoted({ z, observed, expected }: FeatureAnomaly, { features }: ServiceSigns): boolean {
  if (z >= NOTED_Z) return true;
  const ran = features.find(({ feature }) => feature === 'cpu_usage_cores');
  return ran !== undefined && observed - expected >= Math.max(LEAST_WAIT, ran.observed);
}

/** Cache held, of what is usual, from which on somebody else has taken some; and misses that go with it. */
const HELD_RATIO = 0.7;
const MISSED_RATIO = 2;

/**
 * Part of what a service usually holds of the last-level cache that it has lost, and misses; 0 where it does not tell.
 */
export function cacheLost({ features }: ServiceSigns): number {
  const held = features.find(({ feature }) => feature === 'llc_occupancy_bytes');
  const missed = features.find(({ feature }) => feature === 'llc_misses_per_second');
  if (held === undefined || missed === undefined) return 0;
  if (held.observed > HELD_RATIO * held.expected || missed.observed < MISSED_RATIO * missed.expected)
    return 0;
  return 1 - held.observed / held.expected;
}

/** Part of the processor time that a service uses which it does not need usually; 0 where it does not tell. */
function addedUse({ features }: ServiceSigns): number {
  const used = features.find(({ feature }) => feature === 'cpu_usage_cores');
  return used === undefined || used.observed <= used.expected ? 0 : 1 - used.expected / used.observed;
}

/** Waits for a processor, and how much of them is owed to what a service itself uses: its quota bounds nobody else. */
const OWN_DEMAND: Partial<Readonly<Record<FeatureName, (signs: ServiceSigns) => number>>> = {
  cpu_throttled_ratio: () => 1,
  cpu_runqueue_wait_ratio: addedUse,
  cpu_pressure_ratio: addedUse,
};

/**
 * How convincing a reading is. Misses are the more so the more of its cache a service has lost; it then computes longer
 * for the same, and what it waits for a processor is the less so, as far as it uses more of one itself: neighbours that
 * take its turns leave it less, and not more.
 */
function strengthOf(reading: FeatureAnomaly, signs: ServiceSigns): number {
  const lost = CONVINCING * cacheLost(signs);
  if (reading.feature === 'llc_misses_per_second') return Math.max(strength(reading.z), lost);
  const wait = waitStrength(reading, signs);
  const ownDemand = OWN_DEMAND[reading.feature];
  return ownDemand === undefined || lost === 0 ? wait : Math.max(0, wait - lost * ownDemand(signs));
}

/**
 * A wait that explains most of what its service is slow by is as sure as that is, however small it is for a wait.
 */
function waitStrength(reading: FeatureAnomaly, signs: ServiceSigns): number {
  const { feature, z, observed, expected } = reading;
  const plain = strength(z);
  if (!WAITS.includes(feature) || signs.excessSeconds <= 0 || !isNoted(reading, signs)) return plain;
  const explained = Math.min(1, (observed - expected) / signs.excessSeconds);
  return Math.max(plain, explained * computeStrength(signs));
}

/** How sure it is that a service's own compute is slow. */
function computeStrength({ service, exclusive, shared }: ServiceSigns): number {
  const own = [...exclusive, ...shared.filter((entry) => isServedBy(service, entry))];
  return Math.max(0, ...own.map(({ z }) => strength(z)));
}

/** Largest strength of one resource's features of a role; undefined where none was measured. */
export function resourceStrength(
  signs: ServiceSigns,
  resource: Resource,
  role: FeatureRole,
): number | undefined {
  let strengths = strengthsOf.get(signs);
  if (strengths === undefined) {
    strengths = largestStrengths(signs);
    strengthsOf.set(signs, strengths);
  }
  return strengths[role].get(resource);
}

type Strengths = Readonly<Record<FeatureRole, ReadonlyMap<Resource, number>>>;

/** Each is asked for over and over: of every node that a service shares. */
const strengthsOf = new WeakMap<ServiceSigns, Strengths>();

function largestStrengths(signs: ServiceSigns): Strengths {
  const strengths = { contention: new Map<Resource, number>(), usage: new Map<Resource, number>() };
  for (const reading of signs.features) {
    const { resource, role } = FEATURES[reading.feature];
    const known = strengths[role].get(resource) ?? Number.NEGATIVE_INFINITY;
    strengths[role].set(resource, Math.max(known, strengthOf(reading, signs)));
  }
  return strengths;
}
