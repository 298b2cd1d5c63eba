import { FEATURES, type FeatureName, type Resource, readObjective, type Window } from '@sage/core';
import type { Answer, Calibrated, Evidence, Ranked } from '../observed.js';
import { calibratedGraphMethod, type GraphParameters, MOST_GIVEN } from './calibrated-graph.js';
import { type Column, filled, metricOf, serviceLatencyOf, standardiser } from './columns.js';
import { discretise } from './pc/independence.js';
import { type Cpdag, pc } from './pc/pc.js';
import { learntWindows, normalWindows } from './reference-windows.js';
import { type Reference, References } from './references.js';
import { calleesOf } from './service-nodes.js';

/** CUSUM: changes below this are let pass, and a sum above that is a change point (Page 1954); in spreads, as is usual. */
const SLACK = 0.5;
const DECISION = 5;
/** A change point is looked for in the window in question and so many before it. */
const RECENT_WINDOWS = 4;

/**
 * CauseInfer (Chen, Qi, Zheng and Hou, INFOCOM 2014), two layers. Who calls whom gives the upper: the latency of a callee is
 * a cause of its caller's. The lower is a graph for each service, over its metrics and the latency of what it serves, learnt
 * by PC with G² on discretised windows. From the service of a broken objective on, it goes depth first through those causes
 * whose CUSUM has a change point; a metric without an anomalous cause is a root cause, and a service's latency without any
 * is one of which the resource is not known.
 *
 * Decided here: the latency of a service causes none of its metrics, so edges to it are directed; edges that the data leave
 * open are followed both ways. What is normal has a median and an interquartile range, since windows that nobody labels have
 * disturbances in them, and CUSUM starts anew for each question. Root causes are ranked by how many spreads they are away,
 * and the first is blamed. α and the number of bins are chosen on labelled runs.
 */
export const causeInferMethod: Calibrated = calibratedGraphMethod('causeinfer', causeInfer);

/** Graphs are learnt when a service is first reached, and kept for as long as the windows that they were learnt from. */
export function causeInfer(parameters: GraphParameters): (evidence: Evidence) => Answer {
  const known = new WeakMap<Window, Map<string, MetricGraph>>();
  const references = new References();
  return (evidence) => {
    const windows = learntWindows(evidence);
    const last = windows.at(-1);
    if (last === undefined) return { verdict: 'undetermined', blamed: [], ranked: [] };
    if (!readObjective(evidence.objective, evidence.window).broken) {
      return { verdict: 'no-violation', blamed: [], ranked: [] };
    }
    const graphs = known.get(last) ?? new Map<string, MetricGraph>();
    known.set(last, graphs);
    const graphOf = (service: string) => {
      const key = `${evidence.objective.percentile} ${service}`;
      const graph = graphs.get(key) ?? learnGraph(service, evidence, windows, parameters);
      graphs.set(key, graph);
      return graph;
    };
    const normal = references.of(evidence, normalWindows(evidence));
    return toAnswer(rootCauses(evidence, normal, graphOf));
  };
}

interface MetricGraph {
  /** The service's metrics; the last is the latency of what it serves. */
  readonly columns: readonly { readonly feature: FeatureName | undefined; readonly column: Column }[];
  readonly graph: Cpdag;
}

function learnGraph(
  service: string,
  evidence: Evidence,
  windows: readonly Window[],
  { alpha, bins }: GraphParameters,
): MetricGraph {
  const features = [...(evidence.window.metrics.get(service)?.keys() ?? [])].sort();
  const columns = [
    ...features.map((feature) => ({ feature, column: metricOf(service, feature) })),
    { feature: undefined, column: serviceLatencyOf(service, evidence) },
  ];
  const none = new Float64Array(windows.length);
  const variables = columns.map(({ column }) => discretise(filled(column, windows) ?? none, bins));
  const latency = columns.length - 1;
  const graph = pc(variables, { alpha, mostGiven: MOST_GIVEN, known: (_, to) => to === latency });
  return { columns, graph };
}

interface RootCause {
  readonly service: string;
  readonly resource: Resource | null;
  /** Spreads away from what is normal. */
  readonly z: number;
}

function rootCauses(
  evidence: Evidence,
  normal: Reference,
  graphOf: (service: string) => MetricGraph,
): readonly RootCause[] {
  const callees = calleesOf(evidence.graph);
  const found: RootCause[] = [];
  const visited = new Set<string>();
  const visit = (service: string): void => {
    visited.add(service);
    const { columns, graph } = graphOf(service);
    const anomalies = columns.map(({ column }) => changeOf(column, normal, evidence.window));
    const reached = new Set<number>();
    const walk = (variable: number): void => {
      reached.add(variable);
      const causes = graph.possibleParents(variable).filter((cause) => anomalies[cause] !== undefined);
      const feature = columns[variable]?.feature;
      if (feature !== undefined && causes.every((cause) => reached.has(cause))) {
        found.push({ service, resource: FEATURES[feature].resource, z: anomalies[variable] as number });
      }
      for (const cause of causes) if (!reached.has(cause)) walk(cause);
    };
    const latency = columns.length - 1;
    walk(latency);
    const slowCallees = (callees.get(service) ?? []).filter(
      (callee) => changeOf(serviceLatencyOf(callee, evidence), normal, evidence.window) !== undefined,
    );
    if (reached.size === 1 && slowCallees.length === 0) {
      found.push({ service, resource: null, z: anomalies[latency] ?? 0 });
    }
    for (const callee of slowCallees) if (!visited.has(callee)) visit(callee);
  };
  visit(evidence.objective.service);
  return found;
}

/** Spreads from what is normal where a two-sided CUSUM has a change point by this window; undefined where it has none. */
function changeOf(column: Column, normal: Reference, window: Window): number | undefined {
  const standardise = standardiser(column, normal);
  let [high, low] = [0, 0];
  for (const z of [...normal.windows.slice(-RECENT_WINDOWS), window].map(standardise)) {
    high = Math.max(0, high + z - SLACK);
    low = Math.max(0, low - z - SLACK);
  }
  return Math.max(high, low) > DECISION ? Math.abs(standardise(window)) : undefined;
}

/** A service is as likely as the likeliest of its metrics. */
function toAnswer(causes: readonly RootCause[]): Answer {
  const largest = Math.max(...causes.map(({ z }) => z), Number.MIN_VALUE);
  const ranked = causes
    .toSorted((a, b) => b.z - a.z)
    .filter((cause, index, all) => all.findIndex(({ service }) => service === cause.service) === index)
    .map(({ service, resource, z }): Ranked => ({ service, resource, probability: z / largest }));
  return { verdict: ranked.length > 0 ? 'culprits' : 'undetermined', blamed: ranked.slice(0, 1), ranked };
}
