import type { CausalGraph } from '@sage/causal-graph';
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
  upperScaleInPlace,
  type Window,
} from '@sage/core';
import { type ChosenColumns, WindowColumns } from './window-columns.js';
import { loadWhereMet, rootLoads } from './window-loads.js';

/** What was normal at the present load: centre and spread above it per column over windows that met the objective. */
export interface NormalReference {
  /** What it rests on, oldest first where all are of the present load. */
  readonly windows: readonly Window[];
  /** Median requests per second of the objective's root over them. */
  readonly loadPerSecond: number;
  /** Per feature of a service; empty where none was measured. */
  features(service: string): ReadonlyMap<FeatureName, RobustScale>;
  /** undefined where the node was not seen. */
  latency(node: LatencyNodeId, percentile: Percentile): RobustScale | undefined;
  /** Median requests per second of each root. */
  readonly rootLoads: ReadonlyMap<LatencyNodeId, number>;
  /** Requests per second of a root that the objective is ordinarily met at, the most (their 95th percentile there, over all of history). */
  largestLoad(root: LatencyNodeId): number;
}

const LOAD_BAND = 0.2;
const FEW = 10;
/** Fewer windows than this say nothing about spread. */
const LEAST = 3;
/** Newest windows suffice: what was normal a day ago may be no more. */
const MOST = 240;
/** Of several loads as many are kept at hand: one diagnosis rarely asks of the very windows that the last one asked of. */
const KEPT = 3 * MOST;
/** So many window lengths before a violation what breaks the objective later may be there already. */
const ONSET_WINDOWS = 6;
/** A surge now and then that went well does not make such load usual. */
const ORDINARY_LOADS = 0.95;
/** Least spread of a latency worth believing in: 5 % of its centre and 0.2 ms, what span clocks resolve. */
const LATENCY_FLOOR_RATIO = 0.05;
export const LATENCY_FLOOR_MS = 0.2;

/**
 * Median and spread above it over the windows before `present` that met the objective at a load within 20 % of the
 * present one; where there are fewer than ten, over the ten nearest in load. Windows overlapping `present` are left
 * out, since they hold part of the violation, and so are those of six window lengths before it, where enough remain: a
 * fault is seldom as old as the violation only. undefined where fewer than three windows qualify.
 */
export function normalReference(
  history: readonly Window[],
  present: Window,
  options: { readonly objective: Objective; readonly graph: Pick<CausalGraph, 'roots'> },
): NormalReference | undefined {
  const { objective, graph } = options;
  const loadOf = loadWhereMet(objective);
  const met: { readonly window: Window; readonly load: number }[] = [];
  for (const window of history) {
    const load = window.endMs <= present.startMs ? loadOf(window) : Number.NaN;
    if (!Number.isNaN(load)) met.push({ window, load });
  }
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
  const loadsOf = rootLoads(graph);
  const rootLoad = (root: LatencyNodeId, among: typeof met, q: number): number => {
    const at = graph.roots.indexOf(root);
    const loads = new Float64Array(among.length);
    for (let i = 0; i < loads.length; i++) {
      loads[i] = loadsOf((among[i] as (typeof met)[number]).window)[at] as number;
    }
    return quantile(loads, q);
  };
  return {
    windows,
    loadPerSecond: quantile(
      chosen.map((entry) => entry.load),
      0.5,
    ),
    ...scalesOf(columnsOf(graph).of(windows)),
    largestLoad: (root) => rootLoad(root, met, ORDINARY_LOADS),
    rootLoads: new Map(graph.roots.map((root) => [root, rootLoad(root, chosen, 0.5)])),
  };
}

const columns = new WeakMap<Pick<CausalGraph, 'roots'>, WindowColumns>();

/** What was read of an application's windows, for as long as its graph stays the same. */
function columnsOf(graph: Pick<CausalGraph, 'roots'>): WindowColumns {
  let known = columns.get(graph);
  if (known === undefined) {
    known = new WindowColumns(KEPT);
    columns.set(graph, known);
  }
  return known;
}

/** Computed when first asked for: of a large application most is never asked for. */
function scalesOf(columns: ChosenColumns): Pick<NormalReference, 'features' | 'latency'> {
  const features = new Map<string, ReadonlyMap<FeatureName, RobustScale>>();
  const latency = new Map<Percentile, Map<LatencyNodeId, RobustScale | undefined>>();
  return {
    features: (service) => {
      const known = features.get(service) ?? featureScales(columns, service);
      features.set(service, known);
      return known;
    },
    latency: (node, percentile) => {
      const nodes = latency.get(percentile) ?? new Map<LatencyNodeId, RobustScale | undefined>();
      latency.set(percentile, nodes);
      if (!nodes.has(node)) nodes.set(node, latencyScale(columns, node, percentile));
      return nodes.get(node);
    },
  };
}

function featureScales(columns: ChosenColumns, service: string): ReadonlyMap<FeatureName, RobustScale> {
  const scales = new Map<FeatureName, RobustScale>();
  columns.eachFeature(service, (feature, values) => {
    if (values.length > 0) scales.set(feature, upperScaleInPlace(values, FEATURES[feature].resolution));
  });
  return scales;
}

function latencyScale(
  columns: ChosenColumns,
  node: LatencyNodeId,
  percentile: Percentile,
): RobustScale | undefined {
  const values = columns.latency(node, percentile);
  if (values.length === 0) return undefined;
  const { center, spread } = upperScaleInPlace(values, LATENCY_FLOOR_MS);
  return { center, spread: Math.max(spread, LATENCY_FLOOR_RATIO * center) };
}
