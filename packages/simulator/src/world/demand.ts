import type { Topology, TopologyNode } from '../topology.js';

/** What one request asks of a service, on average over the endpoints. */
export interface Demand {
  readonly calls: number;
  readonly cpuMs: number;
}

/** Demands of one request by service name: what an operator would size quotas by. */
export function demandOf(topology: Topology): ReadonlyMap<string, Demand> {
  const services = new Map(topology.services.map((service) => [service.name, service]));
  const demands = new Map<string, { calls: number; cpuMs: number }>();
  const add = (name: string, share: number, calls: number) => {
    const service = services.get(name);
    if (service === undefined) return;
    const demand = demands.get(name) ?? { calls: 0, cpuMs: 0 };
    demand.calls += calls;
    demand.cpuMs += share * service.cpuMs + calls * service.afterMs;
    demands.set(name, demand);
  };
  const walk = (node: TopologyNode, times: number, within: string): void => {
    switch (node.kind) {
      case 'seq':
      case 'par':
        for (const inner of node.nodes) walk(inner, times, within);
        return;
      case 'call':
        add(node.to, times, times);
        walk(node.body, times, node.to);
        return;
      case 'local':
        add(within, 0.5 * times, 0);
        return;
      case 'branch':
        walk(node.chosen, times * node.probability, within);
        walk(node.otherwise, times * (1 - node.probability), within);
        return;
      case 'repeat':
        walk(node.body, times * node.count, within);
        return;
      case 'last-arrival':
        walk(node.body, times / node.of, within);
        return;
      case 'async':
        walk(node.body, times, within);
    }
  };
  for (const { entry, weight, tree } of topology.endpoints) {
    add(entry, weight, weight);
    walk(tree, weight, entry);
  }
  return demands;
}
