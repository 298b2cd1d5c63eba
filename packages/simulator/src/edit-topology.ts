import { usualService } from './service-kinds.js';
import type { CallNode, Topology, TopologyNode, TopologyService } from './topology.js';
import { calledIn, mapNodes, nodesOf } from './topology-nodes.js';

const NOTHING: TopologyNode = { kind: 'seq', nodes: [] };

/** An update of an application, as data; what each does is said at the function of its name. */
export type TopologyEdit =
  | { readonly edit: 'addCallee'; readonly caller: string; readonly name: string }
  | {
      readonly edit: 'insertBetween';
      readonly caller: string;
      readonly callee: string;
      readonly name: string;
    }
  | { readonly edit: 'removeService'; readonly name: string }
  | { readonly edit: 'scaleWork'; readonly name: string; readonly cpu?: number; readonly memory?: number };

/** An application after updates, one after the other. Throws a RangeError for one that it cannot have. */
export function editTopology(topology: Topology, edits: readonly TopologyEdit[]): Topology {
  return edits.reduce(edited, topology);
}

function edited(topology: Topology, step: TopologyEdit): Topology {
  switch (step.edit) {
    case 'addCallee':
      return addCallee(topology, step.caller, step.name);
    case 'insertBetween':
      return insertBetween(topology, step, step.name);
    case 'removeService':
      return removeService(topology, step.name);
    case 'scaleWork':
      return scaleWork(topology, step.name, step);
  }
}

/**
 * An update that brings a service more: one of the usual kind with logic, called by `caller` before all else that this
 * does, with connections as many as the first of its pools has.
 *
 * @throws {RangeError} for a caller that is not there, or a name that is.
 */
export function addCallee(topology: Topology, caller: string, name: string): Topology {
  known(topology, caller);
  const service = newService(topology, name);
  const pool = topology.pools.find(({ owner }) => owner === caller);
  const called = mapBodies(topology, caller, (body) => ({
    kind: 'seq',
    nodes: [callOf(name, NOTHING), body],
  }));
  return {
    ...called,
    services: [...topology.services, service],
    pools: [...topology.pools, ...(pool === undefined ? [] : [{ ...pool, target: name }])],
  };
}

/**
 * An update that puts a service between two: `caller` calls it wherever it called `callee`, and it passes that call on.
 * Both calls have the connections that the one had.
 *
 * @throws {RangeError} where the one does not call the other, or the name is taken.
 */
export function insertBetween(
  topology: Topology,
  { caller, callee }: { readonly caller: string; readonly callee: string },
  name: string,
): Topology {
  const service = newService(topology, name);
  let calls = 0;
  const rerouted = mapTrees(topology, (node, within) => {
    if (node.kind !== 'call' || node.to !== callee || within !== caller) return node;
    calls += 1;
    return callOf(name, node);
  });
  if (calls === 0) throw new RangeError(`in "${topology.name}" ${caller} does not call ${callee}`);
  return {
    ...rerouted,
    services: [...topology.services, service],
    pools: topology.pools.flatMap((pool) =>
      pool.owner === caller && pool.target === callee
        ? [
            { ...pool, target: name },
            { ...pool, owner: name },
          ]
        : [pool],
    ),
  };
}

/**
 * An update that takes a service out: nobody calls it any more, and what nobody else called goes with it. Endpoints stay
 * and are answered without it.
 *
 * @throws {RangeError} for a service that is not there, or that requests come in at.
 */
export function removeService(topology: Topology, name: string): Topology {
  known(topology, name);
  if (topology.endpoints.some(({ entry }) => entry === name)) {
    throw new RangeError(`requests come in at ${name}: "${topology.name}" cannot do without it`);
  }
  const without = mapTrees(topology, (node) => (node.kind === 'call' && node.to === name ? NOTHING : node));
  const endpoints = without.endpoints.map((endpoint) => ({ ...endpoint, tree: recounted(endpoint.tree) }));
  const used = new Set(endpoints.flatMap(({ entry, tree }) => [entry, ...calledIn(tree)]));
  return {
    ...topology,
    endpoints,
    services: topology.services.filter((service) => used.has(service.name)),
    pools: topology.pools.filter(({ owner, target }) => used.has(owner) && used.has(target)),
  };
}

/**
 * An update after which a call of a service takes so many times the processor time and memory. Limits of memory grow with
 * it, as an operator sees to; so do quotas that the topology leaves open.
 *
 * @throws {RangeError} for a service that is not there.
 */
export function scaleWork(
  topology: Topology,
  name: string,
  { cpu = 1, memory = 1 }: { readonly cpu?: number; readonly memory?: number },
): Topology {
  known(topology, name);
  return {
    ...topology,
    services: topology.services.map((service) =>
      service.name === name
        ? {
            ...service,
            cpuMs: cpu * service.cpuMs,
            afterMs: cpu * service.afterMs,
            memoryMb: memory * service.memoryMb,
            memoryLimitMb: memory * service.memoryLimitMb,
          }
        : service,
    ),
  };
}

function known(topology: Topology, name: string): void {
  if (!topology.services.some((service) => service.name === name)) {
    throw new RangeError(`"${topology.name}" has no service ${name}`);
  }
}

function newService(topology: Topology, name: string): TopologyService {
  if (topology.services.some((service) => service.name === name || service.label === name)) {
    throw new RangeError(`"${topology.name}" has a service ${name} already`);
  }
  return {
    ...usualService('logic'),
    name,
    label: name,
    traced: true,
    kind: 'logic',
    workers: null,
    cpuLimit: null,
  };
}

function callOf(name: string, body: TopologyNode): CallNode {
  return {
    kind: 'call',
    to: name,
    operation: 'Process',
    clientSpan: `${name}_client`,
    serverSpan: `${name}_server`,
    body,
  };
}

function mapTrees(topology: Topology, change: Parameters<typeof mapNodes>[1]): Topology {
  return {
    ...topology,
    endpoints: topology.endpoints.map((endpoint) => ({
      ...endpoint,
      tree: mapNodes(endpoint.tree, change, endpoint.entry),
    })),
  };
}

/** What a service does, wherever it is called, and where requests come in at it. */
function mapBodies(topology: Topology, name: string, change: (body: TopologyNode) => TopologyNode): Topology {
  const called = mapTrees(topology, (node) =>
    node.kind === 'call' && node.to === name ? { ...node, body: change(node.body) } : node,
  );
  return {
    ...called,
    endpoints: called.endpoints.map((endpoint) =>
      endpoint.entry === name ? { ...endpoint, tree: change(endpoint.tree) } : endpoint,
    ),
  };
}

/** Joins wait for as many arrivals as are left. */
function recounted(tree: TopologyNode): TopologyNode {
  const of = [...nodesOf(tree)].filter(({ kind }) => kind === 'last-arrival').length;
  return mapNodes(tree, (node) => (node.kind === 'last-arrival' ? { ...node, of } : node), '');
}
