import {
  callsPerSecond,
  FEATURES,
  type FeatureName,
  type LatencyNodeId,
  type Objective,
  objectiveNode,
  type Percentile,
  quantile,
  type RobustScale,
  readObjective,
  robustScale,
  type Window,
} from '@sage/core';

/** What was normal at the present load: centre and spread per column over windows that met the objective. */
export interface NormalReference {
  /** What it rests on, oldest first where all are of the present load. */
  readonly windows: readonly Window[];
  /** Median requests per second of the objective's root over them. */
  readonly loadPerSecond: number;
  /** The largest load that the objective is ordinarily met at (its 95th percentile there, over all of history). */
  readonly largestLoadPerSecond: number;
  /** Per feature of a service; empty where none was measured. */
  features(service: string): ReadonlyMap<FeatureName, RobustScale>;
  /** undefined where the node was not seen. */
  latency(node: LatencyNodeId, percentile: Percentile): RobustScale | undefined;
  /** Median requests per second of each root. */
  readonly rootLoads: ReadonlyMap<LatencyNodeId, number>;
}

const LOAD_BAND = 0.2;
const FEW = 10;
/** Fewer windows than this say nothing about spread. */
const LEAST = 3;
/** Newest windows suffice: what was normal a day ago may be no more. */
const MOST = 240;
/** So many window lengths before a violation what breaks the objective later may be there already. */
const ONSET_WINDOWS = 6;
/** A surge now and then that went well does not make such load usual. */
const ORDINARY_LOADS = 0.95;
/** Least spread of a latency worth believing in: 5 % of its centre and 0.2 ms, what span clocks resolve. */
const LATENCY_FLOOR_RATIO = 0.05;
const LATENCY_FLOOR_MS = 0.2;

/**
 * Median and robust spread over the windows before `present` that met the objective at a load within 20 % of the
 * present one; where there are fewer than ten, over the ten nearest in load. Windows overlapping `present` are left
 * out, since they hold part of the violation, and so are those of six window lengths before it, where enough remain: a
 * fault is seldom as old as the violation only. undefined where fewer than three windows qualify.
 */
export function normalReference(
  history: readonly Window[],
  present: Window,
  options: { readonly objective: Objective; readonly roots: readonly LatencyNodeId[] },
): NormalReference | undefined {
  const { objective, roots } = options;
  const met = history.flatMap((window) => {
    const reading = readObjective(objective, window);
    const good = reading.observedMs !== undefined && !reading.broken && window.endMs <= present.startMs;
    return good ? [{ window, load: reading.requestsPerSecond }] : [];
  });
  if (met.length < LEAST) return undefined;
  const onsetMs = present.startMs - ONSET_WINDOWS * (present.endMs - present.startMs);
  const before = met.filter(({ window }) => window.endMs <= onsetMs);
  const trusted = before.length >= FEW ? before : met;

  const load = callsPerSecond(present, objectiveNode(objective));
  const near = trusted.filter((entry) => Math.abs(entry.load - load) <= LOAD_BAND * load);
  const nearest = (): typeof met =>
    [...trusted].sort((a, b) => Math.abs(a.load - load) - Math.abs(b.load - load)).slice(0, FEW);
  const chosen = (near.length >= FEW ? near : nearest()).slice(-MOST);
  const windows = chosen.map((entry) => entry.window);
  return {
    windows,
    loadPerSecond: quantile(
      chosen.map((entry) => entry.load),
      0.5,
    ),
    largestLoadPerSecond: quantile(
      met.map((entry) => entry.load),
      ORDINARY_LOADS,
    ),
    ...scalesOf(windows),
    rootLoads: new Map(
      roots.map((root) => [
        root,
        quantile(
          windows.map((window) => callsPerSecond(window, root)),
          0.5,
        ),
      ]),
    ),
  };
}

/** Computed when first asked for: of a large application most is never asked for. */
function scalesOf(windows: readonly Window[]): Pick<NormalReference, 'features' | 'latency'> {
  const features = new Map<string, ReadonlyMap<FeatureName, RobustScale>>();
  const latency = new Map<Percentile, Map<LatencyNodeId, RobustScale | undefined>>();
  return {
    features: (service) => {
      const known = features.get(service) ?? featureScales(windows, service);
      features.set(service, known);
      return known;
    },
    latency: (node, percentile) => {
      const nodes = latency.get(percentile) ?? new Map<LatencyNodeId, RobustScale | undefined>();
      latency.set(percentile, nodes);
      if (!nodes.has(node)) nodes.set(node, latencyScale(windows, node, percentile));
      return nodes.get(node);
    },
  };
}

/** What was read of one thing in the windows that have it. */
class Column {
  readonly #values: Float64Array;
  #length = 0;

  constructor(mostValues: number) {
    this.#values = new Float64Array(mostValues);
  }

  add(value: number): void {
    this.#values[this.#length++] = value;
  }

  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

function featureScales(windows: readonly Window[], service: string): ReadonlyMap<FeatureName, RobustScale> {
  const columns = new Map<FeatureName, Column>();
  const read = (value: number, feature: FeatureName): void => {
    if (!Number.isFinite(value)) return;
    let column = columns.get(feature);
    if (column === undefined) {
      column = new Column(windows.length);
      columns.set(feature, column);
    }
    column.add(value);
  };
  for (const window of windows) window.metrics.get(service)?.forEach(read);
  return new Map(
    [...columns].map(([feature, { values }]) => [feature, robustScale(values, FEATURES[feature].resolution)]),
  );
}

function latencyScale(
  windows: readonly Window[],
  node: LatencyNodeId,
  percentile: Percentile,
): RobustScale | undefined {
  const column = new Column(windows.length);
  for (const window of windows) {
    const stats = window.latency.get(node);
    if (stats !== undefined) column.add(stats[percentile]);
  }
  if (column.values.length === 0) return undefined;
  const { center, spread } = robustScale(column.values, LATENCY_FLOOR_MS);
  return { center, spread: Math.max(spread, LATENCY_FLOOR_RATIO * center) };
}
