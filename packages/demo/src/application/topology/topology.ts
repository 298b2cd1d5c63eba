import { readFile } from 'node:fs/promises';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { parseTree, type TreeNode } from './tree.js';

export type ComponentKind = 'web' | 'logic' | 'cache' | 'db';

export interface ComponentDescription {
  readonly name: string;
  /** `service.name` of its spans; undefined: it emits none, and only its callers' client spans show it. */
  readonly service: string | undefined;
  readonly kind: ComponentKind;
}

export interface Endpoint {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** Share of the workload's requests. */
  readonly weight: number;
  readonly entry: string;
  readonly rootSpan: string;
  readonly tree: TreeNode;
}

export interface Topology {
  readonly components: readonly ComponentDescription[];
  readonly endpoints: readonly Endpoint[];
}

/** What a component does when it is called: the span of the call, and the work. */
export interface Handler {
  readonly span: string;
  readonly tree: TreeNode;
}

const HOTEL = new URL('../../../../topology/hotel-reservation.json', import.meta.url);

/** The hotel-reservation application: 14 components, four endpoints. */
export async function readHotelTopology(): Promise<Outcome<Topology, 'topology'>> {
  try {
    return parseTopology(JSON.parse(await readFile(HOTEL, 'utf8')));
  } catch (error) {
    return failure('topology', `${HOTEL.pathname}: ${errorMessage(error)}`);
  }
}

export function parseTopology(input: unknown): Outcome<Topology, 'topology'> {
  try {
    const { services, endpoints } = input as { services: unknown[]; endpoints: unknown[] };
    if (!Array.isArray(services)) throw new Error('services: expected a list');
    if (!Array.isArray(endpoints)) throw new Error('endpoints: expected a list');
    const components = services.map((service, i) => parseComponent(service, `services[${i}]`));
    const names = new Set(components.map((component) => component.name));
    return success({
      components,
      endpoints: endpoints.map((endpoint, i) => parseEndpoint(endpoint, `endpoints[${i}]`, names)),
    });
  } catch (error) {
    return failure('topology', errorMessage(error));
  }
}

function parseComponent(input: unknown, path: string): ComponentDescription {
  const { name, jaeger_service: service, kind } = input as Record<string, unknown>;
  if (typeof name !== 'string') throw new Error(`${path}.name: expected a name, got ${JSON.stringify(name)}`);
  if (kind !== 'web' && kind !== 'logic' && kind !== 'cache' && kind !== 'db') {
    throw new Error(`${path}.kind: expected web, logic, cache or db, got ${JSON.stringify(kind)}`);
  }
  return { name, kind, service: typeof service === 'string' ? service : undefined };
}

function parseEndpoint(input: unknown, path: string, components: ReadonlySet<string>): Endpoint {
  const { name, http, weight, entry, root_spans: spans, tree } = input as Record<string, unknown>;
  const route = typeof http === 'string' ? /^([A-Z]+) (\/[^?\s]*)/.exec(http) : null;
  if (route === null) throw new Error(`${path}.http: expected "METHOD /path", got ${JSON.stringify(http)}`);
  if (typeof weight !== 'number' || !(weight > 0)) {
    throw new Error(`${path}.weight: expected a share above 0, got ${JSON.stringify(weight)}`);
  }
  if (typeof entry !== 'string' || !components.has(entry)) {
    throw new Error(`${path}.entry: no component is called ${JSON.stringify(entry)}`);
  }
  const rootSpan = Array.isArray(spans) ? spans[0] : undefined;
  if (typeof rootSpan !== 'string') throw new Error(`${path}.root_spans: expected at least one name`);
  return {
    name: String(name),
    method: route[1] as string,
    path: route[2] as string,
    weight,
    entry,
    rootSpan,
    tree: parseTree(tree, `${path}.tree`, components),
  };
}

/** component → operation → handler, for every call in the trees. An operation does the same whoever calls it. */
export function collectHandlers(topology: Topology): Map<string, Map<string, Handler>> {
  const handlers = new Map<string, Map<string, Handler>>();
  const visit = (node: TreeNode): void => {
    if (node.kind === 'call') {
      const operations = handlers.get(node.to) ?? new Map<string, Handler>();
      operations.set(node.operation, { span: node.serverSpan, tree: node.body });
      handlers.set(node.to, operations);
    }
    for (const child of childrenOf(node)) visit(child);
  };
  for (const endpoint of topology.endpoints) visit(endpoint.tree);
  return handlers;
}

/** Whom each component calls itself: component → its targets. */
export function collectTargets(topology: Topology): Map<string, Set<string>> {
  const targets = new Map<string, Set<string>>();
  const visit = (owner: string, node: TreeNode): void => {
    if (node.kind === 'call' || node.kind === 'store') {
      targets.set(owner, (targets.get(owner) ?? new Set()).add(node.to));
    }
    const next = node.kind === 'call' ? node.to : owner;
    for (const child of childrenOf(node)) visit(next, child);
  };
  for (const endpoint of topology.endpoints) visit(endpoint.entry, endpoint.tree);
  return targets;
}

function childrenOf(node: TreeNode): readonly TreeNode[] {
  switch (node.kind) {
    case 'seq':
    case 'par':
      return node.steps;
    case 'call':
    case 'repeat':
    case 'async':
      return [node.body];
    case 'branch':
      return [node.then, node.else];
    case 'store':
    case 'local':
      return [];
  }
}
