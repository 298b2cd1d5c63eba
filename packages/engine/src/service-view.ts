import { type CausalGraph, type ServiceEdge, serviceEdges } from '@sage/causal-graph';
import { callsPerSecond, type LatencyNodeId, median, type Resource, type Window } from '@sage/core';
import type { Incident } from './incidents/incident.js';

export interface ServiceState {
  readonly name: string;
  readonly p99Ms: number | null;
  /** Median over windows outside incidents. */
  readonly normalMs: number | null;
  readonly requestsPerSecond: number;
  readonly state: 'ok' | 'slow' | 'culprit';
  readonly resource: Resource | null;
}

export interface ServiceGraph {
  readonly services: readonly ServiceState[];
  readonly edges: readonly ServiceEdge[];
}

const NORMAL_WINDOWS = 120;
/** Slow: half as long again as normal, and by more than clocks and chance give. */
const SLOW_RATIO = 1.5;
const SLOW_MS = 2;

/** How each service does in the latest window, and who is blamed. */
export function serviceGraph(
  graph: CausalGraph,
  latest: Window | undefined,
  normal: readonly Window[],
  open: readonly Incident[],
): ServiceGraph {
  const recent = normal.slice(-NORMAL_WINDOWS);
  const blamed = new Map(
    open.flatMap(({ diagnosis }) =>
      (diagnosis?.culprits ?? []).map(({ service, resource }) => [service, resource]),
    ),
  );
  const services = graph.services.map((name): ServiceState => {
    const nodes = nodesOf(graph, name);
    const p99Ms = latest === undefined ? undefined : slowest(nodes, latest);
    const past = recent.flatMap((window) => slowest(nodes, window) ?? []);
    const normalMs = past.length === 0 ? undefined : median(past);
    const slow =
      p99Ms !== undefined &&
      normalMs !== undefined &&
      p99Ms > SLOW_RATIO * normalMs &&
      p99Ms - normalMs > SLOW_MS;
    const resource = blamed.get(name);
    return {
      name,
      p99Ms: p99Ms ?? null,
      normalMs: normalMs ?? null,
      requestsPerSecond:
        latest === undefined ? 0 : nodes.reduce((sum, node) => sum + callsPerSecond(latest, node), 0),
      state: resource !== undefined ? 'culprit' : slow ? 'slow' : 'ok',
      resource: resource ?? null,
    };
  });
  return { services, edges: serviceEdges(graph) };
}

/** What a service takes: its server latencies, or its callers' view where it has no spans of its own. */
function nodesOf(graph: CausalGraph, service: string): LatencyNodeId[] {
  const of = (kind: string) =>
    graph.latency.filter((node) => node.kind === kind && node.rpc.callee === service).map(({ id }) => id);
  const server = of('server');
  return server.length > 0 ? server : of('client');
}

function slowest(nodes: readonly LatencyNodeId[], window: Window): number | undefined {
  const latencies = nodes.flatMap((node) => window.latency.get(node)?.p99Ms ?? []);
  return latencies.length === 0 ? undefined : Math.max(...latencies);
}
