import {
  type Evidence,
  FEATURES,
  type FeatureName,
  median,
  PERCENTILES,
  type Percentile,
  type ReplicaReading,
  type Resource,
  robustScale,
  type Window,
} from '@sage/core';
import { isSupported } from './judged-percentiles.js';

export interface BadReplica {
  readonly replica: string;
  /** What sets it apart, beside the median of the others. */
  readonly evidence: readonly Evidence[];
}

/** Calls without which a replica's latency says nothing. */
const LEAST_CALLS = 10;
/** Windows without which a replica has no normal of its own. */
const LEAST_WINDOWS = 3;
/** Least spread of ln latency worth believing in: a tenth of the latency. */
const LATENCY_FLOOR = 0.1;
/**
 * So much wider is the floor for a replica without a normal: how much it differs from the others by nature is not
 * known.
 */
const UNKNOWN_FACTOR = 3;
/** The modified z-score's customary 3.5 is for ten values and more; a median of one or two moves more. */
const OUTLYING = 5;
/** The others behave where what is wrong with them is at most this part of what is wrong with it. */
const OTHERS_PART = 0.5;

/** One measurement of every replica that has it, on a scale on which differences add up. */
interface Sign {
  readonly name: (replica: string) => string;
  readonly unit: string;
  readonly floor: number;
  /** As measured in a reading; undefined where too little was seen. */
  readonly read: (reading: ReplicaReading) => number | undefined;
  readonly scaled: (value: number) => number;
}

interface Outlier {
  readonly replica: string;
  readonly evidence: Evidence;
}

/**
 * The one replica of a culprit that is bad while the others behave. With d = how far a replica is from its normal, and
 * median and MAD over the others,
 *
 *     score = (d − median) / max(own spread, floor, 1.4826 · MAD) ≥ 5
 *
 * which is the modified z-score (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers, 3.3) with the replica
 * itself left out: of three replicas one that is bad would move the median and the MAD that it is held against. Normal
 * is its own in `normal`, or else what is normal for the others, or else what they show now: then a replica that has
 * always been slower, or serves slower operations, is not taken for a bad one. Of two replicas that have no normal
 * either could be the odd one.
 *
 * Latency decides where traces tell the replicas apart. Contention for the culprit's resource decides where they do not,
 * and for the network, whose delays lie outside of server spans. Several that stand out are not one bad replica.
 */
export function badReplica(
  { service, resource }: { readonly service: string; readonly resource: Resource },
  options: {
    readonly window: Window;
    /** Windows in which all was well. */
    readonly normal: readonly Window[];
    readonly percentile: Percentile;
  },
): BadReplica | undefined {
  const replicas = options.window.replicas?.get(service);
  if (replicas === undefined || replicas.size < 2) return undefined;
  const history = options.normal.flatMap((window) => window.replicas?.get(service) ?? []);
  const outliers = (sign: Sign): readonly Outlier[] => findOutliers(sign, replicas, history);

  const upTo = PERCENTILES.slice(0, PERCENTILES.indexOf(options.percentile) + 1);
  const slow = upTo.flatMap((percentile) => outliers(latencySign(percentile)));
  const short = contentionFeatures(resource).flatMap((feature) => outliers(featureSign(feature)));
  const timed = [...replicas.values()].filter(({ latency }) => (latency?.count ?? 0) >= LEAST_CALLS);
  const deciding = slow.length > 0 || (timed.length >= 2 && resource !== 'network') ? slow : short;

  const names = new Set(deciding.map(({ replica }) => replica));
  const [replica] = names;
  if (replica === undefined || names.size > 1) return undefined;
  const ofReplica = (list: readonly Outlier[]): readonly Evidence[] =>
    list
      .filter((outlier) => outlier.replica === replica)
      .map(({ evidence }) => evidence)
      .sort((a, b) => b.z - a.z)
      .slice(0, 1);
  return { replica, evidence: [...ofReplica(slow), ...ofReplica(short)] };
}

function latencySign(percentile: Percentile): Sign {
  return {
    name: (replica) => `replica|${replica}`,
    unit: 'ms',
    floor: LATENCY_FLOOR,
    read: ({ latency }) => {
      if (latency === undefined || latency.count < LEAST_CALLS || latency[percentile] <= 0) return undefined;
      return percentile === 'p50Ms' || isSupported(latency.count, percentile)
        ? latency[percentile]
        : undefined;
    },
    scaled: Math.log,
  };
}

function featureSign(feature: FeatureName): Sign {
  const { unit, resolution } = FEATURES[feature];
  return {
    name: (replica) => `replica|${replica}|${feature}`,
    unit,
    floor: resolution,
    read: ({ metrics }) => metrics.get(feature),
    scaled: (value) => value,
  };
}

function contentionFeatures(resource: Resource): readonly FeatureName[] {
  return (Object.keys(FEATURES) as FeatureName[]).filter(
    (feature) => FEATURES[feature].resource === resource && FEATURES[feature].role === 'contention',
  );
}

function findOutliers(
  sign: Sign,
  replicas: ReadonlyMap<string, ReplicaReading>,
  history: readonly ReadonlyMap<string, ReplicaReading>[],
): readonly Outlier[] {
  const read = (reading: ReplicaReading | undefined): number | undefined => {
    const value = reading && sign.read(reading);
    return value !== undefined && Number.isFinite(value) ? value : undefined;
  };
  const rows = [...replicas].flatMap(([replica, reading]) => {
    const observed = read(reading);
    if (observed === undefined) return [];
    const before = history.flatMap((window) => read(window.get(replica)) ?? []).map(sign.scaled);
    const normal = before.length < LEAST_WINDOWS ? undefined : robustScale(before, sign.floor);
    return [{ replica, observed, now: sign.scaled(observed), normal }];
  });
  if (rows.length < 2) return [];
  const known = rows.flatMap(({ normal }) => normal?.center ?? []);
  if (rows.length === 2 && known.length === 0) return [];

  return rows.flatMap(({ replica, observed, now, normal }, index): Outlier[] => {
    const others = rows.filter((_, other) => other !== index);
    const usual = known.length > 0 ? median(known) : median(others.map((other) => other.now));
    const deviation = now - (normal?.center ?? usual);
    const deviations = others.map((other) => other.now - (other.normal?.center ?? usual));
    const center = median(deviations);
    const spread = 1.4826 * median(deviations.map((value) => Math.abs(value - center)));
    const least = normal?.spread ?? UNKNOWN_FACTOR * sign.floor;
    const z = (deviation - center) / Math.max(least, spread);
    if (z < OUTLYING || deviation < OUTLYING * least || center > OTHERS_PART * deviation) return [];
    const expected = median(others.map((other) => other.observed));
    return [{ replica, evidence: { name: sign.name(replica), unit: sign.unit, observed, expected, z } }];
  });
}
