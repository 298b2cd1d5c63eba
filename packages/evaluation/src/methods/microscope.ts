import { readObjective, type Window } from '@sage/core';
import { sampleCorrelation, standardDeviation } from 'simple-statistics';
import type { Answer, Calibrated, Evidence, Ranked } from '../observed.js';
import { calibratedGraphMethod, type GraphParameters, MOST_GIVEN } from './calibrated-graph.js';
import { candidates } from './candidates.js';
import { filled, serviceLatencyOf, standardiser } from './columns.js';
import { discretise } from './pc/independence.js';
import { type Cpdag, pc } from './pc/pc.js';
import { learntWindows, normalWindows } from './reference-windows.js';
import { type Reference, References } from './references.js';
import { calleesOf } from './service-nodes.js';

/** A service is anomalous beyond three sigma. */
const ANOMALOUS = 3;
/** Latencies are correlated over the window in question and so many before it. */
const CORRELATED_WINDOWS = 20;

/**
 * Microscope (Lin, Chen and Zheng, ICSOC 2018): a graph of services in which a callee's latency is a cause of its caller's,
 * and PC over the latencies adds what services do to each other without calls; from the service of a broken objective on,
 * depth first through anomalous causes, by three sigma; those without an anomalous cause of their own are the candidates,
 * ranked by the Pearson correlation of their latency with that of the objective's service. It names services, and no
 * resource.
 *
 * Decided here: of two services of which one reaches the other by calls the latency of the reached one is the cause, so
 * PC's edges between such are directed; edges that the data leave open are followed both ways. Sigma is that of the
 * interquartile range, since windows that nobody labels have disturbances in them. The first is blamed. α and the number of
 * bins are chosen on labelled runs.
 */
export const microscopeMethod: Calibrated = calibratedGraphMethod('microscope', microscope);

/** The graph is kept for as long as the windows that it was learnt from. */
export function microscope(parameters: GraphParameters): (evidence: Evidence) => Answer {
  const known = new WeakMap<Window, Map<string, Cpdag>>();
  const references = new References();
  return (evidence) => {
    const { objective, window } = evidence;
    const windows = learntWindows(evidence);
    const last = windows.at(-1);
    if (last === undefined) return { verdict: 'undetermined', blamed: [], ranked: [] };
    if (!readObjective(objective, window).broken) return { verdict: 'no-violation', blamed: [], ranked: [] };
    const services = candidates(evidence);
    const graphs = known.get(last) ?? new Map<string, Cpdag>();
    known.set(last, graphs);
    const key = `${objective.service} ${objective.operation} ${objective.percentile}`;
    const graph = graphs.get(key) ?? learnGraph(services, evidence, windows, parameters);
    graphs.set(key, graph);
    const normal = references.of(evidence, normalWindows(evidence));
    return toAnswer(rank(causesOf(evidence, { services, graph, normal }), evidence));
  };
}

function learnGraph(
  services: readonly string[],
  evidence: Evidence,
  windows: readonly Window[],
  { alpha, bins }: GraphParameters,
): Cpdag {
  const none = new Float64Array(windows.length);
  const variables = services.map((service) =>
    discretise(filled(serviceLatencyOf(service, evidence), windows) ?? none, bins),
  );
  const callees = calleesOf(evidence.graph);
  const reached = services.map((service) => reachedFrom(service, callees));
  const known = (from: number, to: number) =>
    reached[to]?.has(services[from] as string) === true && !reached[from]?.has(services[to] as string);
  return pc(variables, { alpha, mostGiven: MOST_GIVEN, known });
}

function reachedFrom(
  service: string,
  callees: ReadonlyMap<string, readonly string[]>,
  reached = new Set<string>(),
): ReadonlySet<string> {
  for (const callee of callees.get(service) ?? []) {
    if (reached.has(callee)) continue;
    reached.add(callee);
    reachedFrom(callee, callees, reached);
  }
  return reached;
}

/** The anomalous services that are reached and have no anomalous cause that was not. */
function causesOf(
  evidence: Evidence,
  {
    services,
    graph,
    normal,
  }: { readonly services: readonly string[]; readonly graph: Cpdag; readonly normal: Reference },
): readonly string[] {
  const isAnomalous = services.map(
    (service) =>
      Math.abs(standardiser(serviceLatencyOf(service, evidence), normal)(evidence.window)) > ANOMALOUS,
  );
  const callees = calleesOf(evidence.graph);
  const causesOfOne = (index: number) => {
    const called = (callees.get(services[index] as string) ?? []).map((callee) => services.indexOf(callee));
    return [...new Set([...called, ...graph.possibleParents(index)])];
  };
  const found: string[] = [];
  const visited = new Set<number>();
  const visit = (index: number): void => {
    visited.add(index);
    const causes = causesOfOne(index).filter((cause) => isAnomalous[cause] && !visited.has(cause));
    if (causes.length === 0) found.push(services[index] as string);
    for (const cause of causes) if (!visited.has(cause)) visit(cause);
  };
  visit(services.indexOf(evidence.objective.service));
  return found;
}

function rank(causes: readonly string[], evidence: Evidence): readonly Ranked[] {
  const { history, window, objective } = evidence;
  const recent = [...history.slice(-CORRELATED_WINDOWS), window];
  const seriesOf = (service: string) => filled(serviceLatencyOf(service, evidence), recent);
  const indicator = seriesOf(objective.service);
  return causes
    .map((service) => ({ service, resource: null, probability: correlation(seriesOf(service), indicator) }))
    .sort((a, b) => b.probability - a.probability);
}

/** |r|; 0 where one of the two never changes. */
function correlation(a: Float64Array | undefined, b: Float64Array | undefined): number {
  if (a === undefined || b === undefined || a.length < 2) return 0;
  const [x, y] = [[...a], [...b]];
  if (standardDeviation(x) === 0 || standardDeviation(y) === 0) return 0;
  return Math.abs(sampleCorrelation(x, y));
}

function toAnswer(ranked: readonly Ranked[]): Answer {
  return { verdict: ranked.length > 0 ? 'culprits' : 'undetermined', blamed: ranked.slice(0, 1), ranked };
}
