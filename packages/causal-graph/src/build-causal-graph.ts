import { createHash } from 'node:crypto';
import { type LatencyKind, type LatencyNodeId, latencyNodeId, OUTSIDE, type RpcId } from '@sage/core';
import { breakCycles } from './acyclic.js';
import type { CallEdge, CallGraph, RpcNode } from './call-graph.js';
import type { CausalGraph, LatencyNode, LatencyParent } from './causal-graph.js';

/**
 * The causal Bayesian network of a call graph. Per RPC, as far as its latencies are seen:
 *
 * | node | owners | parents |
 * |---|---|---|
 * | server | callee | the outermost node of every call made while serving |
 * | client | caller | server, request, response |
 * | client where the callee has no spans | caller, callee | |
 * | request, response | caller, callee | |
 *
 * Both ends of a link own its request and response, because either may be slow and the spans alone cannot tell which.
 * Recursion would make a latency its own cause: each cycle loses its least supported edge.
 */
export function buildCausalGraph(callGraph: CallGraph): CausalGraph {
  const rpcs = new Map(callGraph.rpcs.map((rpc) => [rpc.id, rpc]));
  const usable = callGraph.edges.filter(({ parent, child }) => rpcs.has(parent) && rpcs.has(child));
  const calls = groupByParent(withoutCycles(usable, rpcs));
  const called = new Set(usable.filter(({ parent, child }) => parent !== child).map(({ child }) => child));

  const nodes: LatencyNode[] = [];
  const roots: LatencyNodeId[] = [];
  for (const rpc of [...rpcs.values()].sort((a, b) => compare(a.id, b.id))) {
    nodes.push(...latencyNodes(rpc, calls.get(rpc.id) ?? [], rpcs));
    if (rpc.key.caller !== OUTSIDE && called.has(rpc.id)) continue;
    const root = has(rpc, 'server') ? latencyNodeId('server', rpc.id) : outermost(rpc);
    if (root !== undefined) roots.push(root);
  }
  const services = new Set(nodes.flatMap((node) => node.owners));
  for (const service of callGraph.services) if (service !== OUTSIDE) services.add(service);
  const latency = causesFirst(nodes);
  return { fingerprint: fingerprintOf(latency), services: [...services].sort(), latency, roots };
}

/** A short hash of the structure alone: nodes, kinds, owners and edges, whatever the weights and the order. */
function fingerprintOf(latency: readonly LatencyNode[]): string {
  const structure = latency
    .map(({ id, kind, owners, parents }) => [
      id,
      kind,
      [...owners].sort(),
      parents.map(({ node }) => node).sort(),
    ])
    .sort((a, b) => compare(String(a[0]), String(b[0])));
  return createHash('sha256').update(JSON.stringify(structure)).digest('hex').slice(0, 16);
}

function has(rpc: RpcNode, kind: LatencyKind): boolean {
  return rpc.kinds.includes(kind);
}

/** What the caller of an RPC waits for. */
function outermost(rpc: RpcNode): LatencyNodeId | undefined {
  const kind = (['client', 'server'] as const).find((candidate) => has(rpc, candidate));
  return kind && latencyNodeId(kind, rpc.id);
}

function withoutCycles(edges: readonly CallEdge[], rpcs: ReadonlyMap<RpcId, RpcNode>): CallEdge[] {
  const supported = edges.map((edge) => ({
    from: edge.parent,
    to: edge.child,
    support: edge.callsPerParent * (rpcs.get(edge.parent)?.count ?? 0),
    edge,
  }));
  return breakCycles(supported).map(({ edge }) => edge);
}

function groupByParent(edges: readonly CallEdge[]): Map<RpcId, CallEdge[]> {
  const groups = new Map<RpcId, CallEdge[]>();
  for (const edge of [...edges].sort((a, b) => compare(a.child, b.child))) {
    const list = groups.get(edge.parent);
    if (list === undefined) groups.set(edge.parent, [edge]);
    else list.push(edge);
  }
  return groups;
}

function latencyNodes(
  rpc: RpcNode,
  calls: readonly CallEdge[],
  rpcs: ReadonlyMap<RpcId, RpcNode>,
): LatencyNode[] {
  const { caller, callee } = rpc.key;
  const bothEnds = caller === callee || caller === OUTSIDE ? [callee] : [caller, callee];
  const node = (kind: LatencyKind, owners: readonly string[], parents: readonly LatencyParent[]) => ({
    id: latencyNodeId(kind, rpc.id),
    kind,
    rpc: rpc.key,
    owners,
    parents,
  });
  const nodes: LatencyNode[] = [];
  if (has(rpc, 'server')) nodes.push(node('server', [callee], callParents(calls, rpcs)));
  if (!has(rpc, 'client')) return nodes;
  if (!has(rpc, 'server')) return [...nodes, node('client', bothEnds, [])];
  const ways = (['request', 'response'] as const).filter((kind) => has(rpc, kind));
  for (const kind of ways) nodes.push(node(kind, bothEnds, []));
  const parents = (['server', ...ways] as const).map((kind) => ({
    node: latencyNodeId(kind, rpc.id),
    weight: 1,
    callsPerChild: 1,
  }));
  return [...nodes, node('client', caller === OUTSIDE ? [callee] : [caller], parents)];
}

/**
 * What a call waits for. Of calls made one after the other each counts by its share of the critical path; calls made side
 * by side form a group, the longest of which counts, each as far as it is waited for at all.
 */
function callParents(calls: readonly CallEdge[], rpcs: ReadonlyMap<RpcId, RpcNode>): LatencyParent[] {
  const groups = groupsBeside(calls);
  return calls.flatMap((call): LatencyParent[] => {
    const child = rpcs.get(call.child);
    const node = child && outermost(child);
    if (node === undefined) return [];
    const group = groups.get(call.child);
    const sideBySide = group !== undefined || call.beside.includes(call.child);
    const weight = Math.min(1, Math.max(0, sideBySide ? call.awaited : call.criticality));
    // Repeats of one call beside each other: as many count as follow one another on the critical path.
    const repeats = call.beside.includes(call.child)
      ? Math.min(call.callsPerParent, Math.max(1, call.callsPerParent * call.criticality))
      : call.callsPerParent;
    return [
      {
        node,
        weight,
        callsPerChild: repeats,
        ...(group === undefined ? {} : { group }),
        ...(call.criticalityRange === undefined ? {} : { weightRange: call.criticalityRange }),
      },
    ];
  });
}

/** Child → number of its group, for calls that run beside one of another kind: connected by being beside each other. */
function groupsBeside(calls: readonly CallEdge[]): ReadonlyMap<RpcId, number> {
  const known = new Set(calls.map(({ child }) => child));
  const links = calls.flatMap(({ child, beside }) =>
    beside.filter((other) => other !== child && known.has(other)).map((other) => [child, other] as const),
  );
  const next = new Map<RpcId, RpcId[]>();
  for (const [one, other] of links) {
    next.set(one, [...(next.get(one) ?? []), other]);
    next.set(other, [...(next.get(other) ?? []), one]);
  }
  const groups = new Map<RpcId, number>();
  let count = 0;
  for (const first of [...next.keys()].sort(compare)) {
    if (groups.has(first)) continue;
    const open = [first];
    for (let child = open.pop(); child !== undefined; child = open.pop()) {
      if (groups.has(child)) continue;
      groups.set(child, count);
      open.push(...(next.get(child) ?? []));
    }
    count += 1;
  }
  return groups;
}

/** Kahn's order, level by level, sorted within a level, so that equal graphs come out equal. */
function causesFirst(nodes: readonly LatencyNode[]): LatencyNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const waitingFor = new Map(nodes.map((node) => [node.id, node.parents.length]));
  const effects = new Map<LatencyNodeId, LatencyNodeId[]>();
  for (const node of nodes) {
    for (const parent of node.parents) {
      const list = effects.get(parent.node);
      if (list === undefined) effects.set(parent.node, [node.id]);
      else list.push(node.id);
    }
  }
  const ordered: LatencyNode[] = [];
  let level = nodes.filter((node) => node.parents.length === 0).map((node) => node.id);
  while (level.length > 0) {
    const following: LatencyNodeId[] = [];
    for (const id of level.sort(compare)) {
      ordered.push(byId.get(id) as LatencyNode);
      for (const effect of effects.get(id) ?? []) {
        const left = (waitingFor.get(effect) as number) - 1;
        waitingFor.set(effect, left);
        if (left === 0) following.push(effect);
      }
    }
    level = following;
  }
  return ordered;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
