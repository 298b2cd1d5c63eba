import { ancestorServices, type CausalGraph, type LatencyNode } from '@sage/causal-graph';
import type { LatencyNodeId } from '@sage/core';

/** The causal graph as seen from one objective. */
export interface GraphView {
  readonly target: LatencyNode;
  readonly nodes: ReadonlyMap<LatencyNodeId, LatencyNode>;
  /** The target and every node that it depends on. */
  readonly ancestors: ReadonlySet<LatencyNodeId>;
  /** Owners of those, sorted: the only services that can be to blame. */
  readonly services: readonly string[];
  /** Each of those services → every latency node it owns, alone or together with another. */
  readonly owned: ReadonlyMap<string, readonly LatencyNode[]>;
  /**
   * Each service that is called without client spans → its callers' server nodes: what its link takes there and back
   * shows in them alone.
   */
  readonly hiddenWays: ReadonlyMap<string, readonly HiddenWay[]>;
}

export interface HiddenWay {
  /** Of the caller. */
  readonly node: LatencyNode;
  readonly callsPerChild: number;
  /** Of the node's unexplained latency, where that is known by other means than probes. */
  readonly part?: number;
}

const views = new WeakMap<CausalGraph, Map<LatencyNodeId, GraphView>>();

/** undefined where the graph does not know the target. Put together once: objectives are few, and asked about often. */
export function viewGraph(graph: CausalGraph, target: LatencyNodeId): GraphView | undefined {
  const known = views.get(graph) ?? new Map<LatencyNodeId, GraphView>();
  const view = known.get(target) ?? seeFrom(graph, target);
  if (view !== undefined) views.set(graph, known.set(target, view));
  return view;
}

function seeFrom(graph: CausalGraph, target: LatencyNodeId): GraphView | undefined {
  const nodes = new Map(graph.latency.map((node) => [node.id, node]));
  const targetNode = nodes.get(target);
  if (targetNode === undefined) return undefined;

  const ancestors = new Set<LatencyNodeId>([target]);
  // A set iterates over what is added while it is walked.
  for (const id of ancestors) {
    for (const parent of nodes.get(id)?.parents ?? []) if (nodes.has(parent.node)) ancestors.add(parent.node);
  }
  const services = ancestorServices(graph, target);
  const owned = new Map<string, LatencyNode[]>(services.map((service) => [service, []]));
  for (const node of graph.latency) {
    for (const owner of new Set(node.owners)) owned.get(owner)?.push(node);
  }
  return {
    target: targetNode,
    nodes,
    ancestors,
    services,
    owned,
    hiddenWays: findHiddenWays(nodes, ancestors),
  };
}

function findHiddenWays(
  nodes: ReadonlyMap<LatencyNodeId, LatencyNode>,
  ancestors: ReadonlySet<LatencyNodeId>,
): ReadonlyMap<string, readonly HiddenWay[]> {
  const ways = new Map<string, HiddenWay[]>();
  for (const id of ancestors) {
    const node = nodes.get(id);
    if (node?.kind !== 'server') continue;
    for (const { node: parent, callsPerChild } of node.parents) {
      const called = nodes.get(parent);
      if (called?.kind !== 'server') continue;
      const known = ways.get(called.rpc.callee) ?? [];
      ways.set(called.rpc.callee, known);
      known.push({ node, callsPerChild });
    }
  }
  return ways;
}
