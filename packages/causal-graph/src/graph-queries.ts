import { type LatencyNodeId, OUTSIDE } from '@sage/core';
import type { CausalGraph, LatencyNode } from './causal-graph.js';

/** A service and one that it calls. */
export interface ServiceEdge {
  readonly from: string;
  readonly to: string;
}

/** Who calls whom, sorted, without calls of a service to itself and from outside. */
export function serviceEdges(graph: CausalGraph): readonly ServiceEdge[] {
  const edges = new Map<string, ServiceEdge>();
  for (const { rpc } of graph.latency) {
    if (rpc.caller === OUTSIDE || rpc.caller === rpc.callee) continue;
    edges.set(`${rpc.caller}>${rpc.callee}`, { from: rpc.caller, to: rpc.callee });
  }
  return [...edges.keys()].sort().map((key) => edges.get(key) as ServiceEdge);
}

/** The services that can have made a node slow: owners of it and of its causes, sorted. Empty for an unknown node. */
export function ancestorServices(graph: CausalGraph, root: LatencyNodeId): readonly string[] {
  const causes = new Set([root]);
  const services = new Set<string>();
  for (let index = graph.latency.length - 1; index >= 0; index--) {
    const node = graph.latency[index] as LatencyNode;
    if (!causes.has(node.id)) continue;
    for (const parent of node.parents) causes.add(parent.node);
    for (const owner of node.owners) services.add(owner);
  }
  return [...services].sort();
}

/** All that these services call, and what those call in turn; themselves only where they are called back. */
export function calledBy(graph: CausalGraph, services: readonly string[]): ReadonlySet<string> {
  const edges = serviceEdges(graph);
  const called = new Set<string>();
  const callees = (of: string) => edges.filter(({ from }) => from === of).map(({ to }) => to);
  for (const service of services) for (const to of callees(service)) called.add(to);
  // A set iterates over what is added while it is walked.
  for (const service of called) for (const to of callees(service)) called.add(to);
  return called;
}
