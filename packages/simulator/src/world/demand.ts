import type { Topology, TopologyNode } from '../topology.js';
import { REPLY_BYTES, REQUEST_BYTES } from './message-bytes.js';

/** What one request asks of a service, on average over the endpoints. */
export interface Demand {
  readonly calls: number;
  readonly cpuMs: number;
  /** Over its link, each way. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

type Sum = { -readonly [Key in keyof Demand]: number };

/** Demands of one request by service name: what an operator would size quotas by. */
export function demandOf(topology: Topology): ReadonlyMap<string, Demand> {
  const services = new Map(topology.services.map((service) => [service.name, service]));
  const demands = new Map<string, Sum>();
  const add = (name: string, share: number, calls: number, received: number, sent: number) => {
    const service = services.get(name);
    if (service === undefined) return;
    const demand = demands.get(name) ?? { calls: 0, cpuMs: 0, receivedBytes: 0, sentBytes: 0 };
    demand.calls += calls;
    demand.cpuMs += share * service.cpuMs + calls * service.afterMs;
    demand.receivedBytes += received;
    demand.sentBytes += sent;
    demands.set(name, demand);
  };
  const replyBytes = (name: string) => REPLY_BYTES[services.get(name)?.kind ?? 'logic'];
  const walk = (node: TopologyNode, times: number, within: string): void => {
    switch (node.kind) {
      case 'seq':
      case 'par':
        for (const inner of node.nodes) walk(inner, times, within);
        return;
      case 'call':
        add(node.to, times, times, times * REQUEST_BYTES, times * replyBytes(node.to));
        add(within, 0, 0, times * replyBytes(node.to), times * REQUEST_BYTES);
        walk(node.body, times, node.to);
        return;
      case 'local':
        add(within, 0.5 * times, 0, 0, 0);
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
    add(entry, weight, weight, 0, 0);
    walk(tree, weight, entry);
  }
  return demands;
}
