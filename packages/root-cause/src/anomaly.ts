import type { Abduction, LatencyNode } from '@sage/causal-graph';
import {
  callsPerSecond,
  FEATURES,
  type FeatureName,
  median,
  PERCENTILES,
  type Percentile,
  type Resource,
  type Window,
} from '@sage/core';
import type { GraphView } from './graph-view.js';
import type { NormalReference } from './normal-reference.js';

/** A reading of a service beside what is normal. */
export interface FeatureAnomaly {
  readonly feature: FeatureName;
  readonly observed: number;
  readonly expected: number;
  /** (observed − expected) / robust spread; positive is worse for every feature. */
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
  /** How much longer than expected it took at the median… */
  readonly medianExcessMs: number;
  /** …and in the mean, as far as three quantiles tell. */
  readonly meanExcessMs: number;
}

/** All that was measured of one service. */
export interface ServiceSigns {
  readonly service: string;
  readonly features: readonly FeatureAnomaly[];
  /** Seconds per second by which its own compute took longer than expected, over all its calls. */
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

/** Of p50, p95 and p99 in a mean: each stands for the calls about it. */
const MEAN_PARTS = [0.7, 0.25, 0.05] as const;

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
  const readNode = (node: LatencyNode): NodeAnomaly | undefined => {
    const count = window.latency.get(node.id)?.count ?? 0;
    const read = supportedPercentiles(count, options.percentile).flatMap((percentile) => {
      const residual = abduction.residual(node.id, percentile);
      return residual === undefined ? [] : [{ percentile, ...residual }];
    });
    if (read.length === 0) return undefined;
    const { percentile, observedMs, expectedMs, z } = read.reduce((a, b) => (b.z > a.z ? b : a));
    let slowness: number | undefined;
    const excessMs = PERCENTILES.map((each) => {
      const residual = abduction.residual(node.id, each);
      return residual === undefined ? 0 : Math.max(0, residual.observedMs - residual.expectedMs);
    });
    const meanExcessMs = excessMs.reduce((sum, ms, q) => sum + (MEAN_PARTS[q] as number) * ms, 0);
    return {
      node,
      observedMs,
      expectedMs,
      z,
      // Asked of few nodes, and dear.
      get slowness() {
        if (slowness === undefined) {
          const normal = reference.latency(node.id, percentile);
          slowness = normal === undefined ? 0 : (observedMs - normal.center) / normal.spread;
        }
        return slowness;
      },
      medianExcessMs: excessMs[0] ?? 0,
      meanExcessMs,
    };
  };
  const features = readFeatures([...view.owned.keys()], window, reference);
  return new Map(
    [...view.owned].map(([service, nodes]) => {
      const read = nodes.flatMap((node) => readNode(node) ?? []);
      const alone = (entry: NodeAnomaly): boolean => new Set(entry.node.owners).size === 1;
      return [
        service,
        {
          service,
          features: features.get(service) ?? [],
          excessSeconds: excessOf(read.filter(alone), window),
          exclusive: read.filter(alone),
          shared: read.filter((entry) => !alone(entry)),
        },
      ];
    }),
  );
}

/** Calls beyond a percentile without which it says more about one unlucky call than about the service. */
const LEAST_BEYOND = 5;
const SHARE_BEYOND: Readonly<Record<Percentile, number>> = { p50Ms: 0.5, p95Ms: 0.05, p99Ms: 0.01 };

/** Whether enough calls lie beyond a percentile to believe it. */
export function isSupported(count: number, percentile: Percentile): boolean {
  return count * SHARE_BEYOND[percentile] >= LEAST_BEYOND;
}

/**
 * The percentiles to judge a node by: the objective's and those above it, since the slow calls of a service may be the
 * very ones of this objective, as far as enough calls of the window lie beyond: of 120 calls the p99 is the second slowest,
 * and two pauses to collect garbage are no fault of anybody. Where none is, the highest below that is; a handful of calls
 * says nothing.
 */
export function supportedPercentiles(count: number, wanted: Percentile): readonly Percentile[] {
  const supported = PERCENTILES.filter((percentile) => isSupported(count, percentile));
  const from = PERCENTILES.indexOf(wanted);
  const upper = supported.filter((percentile) => PERCENTILES.indexOf(percentile) >= from);
  return upper.length > 0 ? upper : supported.slice(-1);
}

function excessOf(nodes: readonly NodeAnomaly[], window: Window): number {
  return nodes.reduce(
    (sum, { node, meanExcessMs }) => sum + (callsPerSecond(window, node.id) * meanExcessMs) / 1000,
    0,
  );
}

/** Services that a feature is measured of, from which on they tell what is common to them. */
const COMMON_FROM = 4;

function readFeatures(
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
    for (const { feature, z } of features) zs.set(feature, [...(zs.get(feature) ?? []), z]);
  }
  const common = new Map(
    [...zs].map(([feature, list]) => [feature, list.length < COMMON_FROM ? 0 : Math.max(0, median(list))]),
  );
  return new Map(
    read.map(({ service, features }) => [
      service,
      features.map((reading) => ({ ...reading, ownZ: reading.z - (common.get(reading.feature) ?? 0) })),
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
/** A wait from which on it is asked how much latency it explains. */
const NOTED_Z = 3;

/** A wait that explains most of what its service is slow by is beyond doubt, however small it is for a wait. */
function strengthOf(
  { feature, z, observed, expected }: FeatureAnomaly,
  { excessSeconds }: ServiceSigns,
): number {
  const plain = strength(z);
  if (!WAITS.includes(feature) || z < NOTED_Z || excessSeconds <= 0) return plain;
  return Math.max(plain, CONVINCING * Math.min(1, (observed - expected) / excessSeconds));
}

/** Largest strength of one resource's features of a role; undefined where none was measured. */
export function resourceStrength(
  signs: ServiceSigns,
  resource: Resource,
  role: 'contention' | 'usage',
): number | undefined {
  const readings = signs.features.filter(
    ({ feature }) => FEATURES[feature].resource === resource && FEATURES[feature].role === role,
  );
  return readings.length === 0
    ? undefined
    : Math.max(...readings.map((reading) => strengthOf(reading, signs)));
}
