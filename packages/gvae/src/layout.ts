import type { CausalGraph, LatencyNode } from '@sage/causal-graph';
import { FEATURE_NAMES, FEATURES, type FeatureName, type Window } from '@sage/core';
import { passThrough } from './pass-through.js';

/** Width of the hidden layers. */
export const HIDDEN = 16;

/** Largest |log| of a learnt edge weight over the graph's, which traces tell. */
const MAX_CORRECTION = 0.2;

/** The same where data tell of services and not of calls: the graph's weight is then good to an order of magnitude. */
const MAX_AGGREGATE_CORRECTION = Math.log(10);

/**
 * A service as it computes, and as it sends: each has metrics and a latent variable of its own (reference, section 1).
 */
export type Channel = 'service' | 'network';

/** One CVAE: the metrics X it reads, the latency nodes Y it owns, the loads that reach them. */
export interface Unit {
  readonly service: string;
  readonly channel: Channel;
  readonly features: readonly FeatureName[];
  /** Indices of nodes, ascending. */
  readonly nodes: readonly number[];
  /** Indices of roots, ascending. */
  readonly roots: readonly number[];
}

export interface Edge {
  readonly parent: number;
  readonly child: number;
  /** The graph's; see `reachOf` for how far the learnt one may be from it. */
  readonly weight: number;
  /** What it may have been in a window that tells of more, or less, than was learnt. */
  readonly least: number;
  readonly most: number;
  /** Of services and not of calls: its parent serves others, too, so that its child may meet another quantile of it. */
  readonly aggregate: boolean;
  /** Of the parent per occurrence of the child. */
  readonly calls: number;
  /** Row-major 3×3, see `passThrough`. */
  readonly mix: readonly number[];
  /** Edges of one child with equal groups are calls made side by side; −1 for calls made one after the other. */
  readonly group: number;
}

/** Largest |log| of the learnt weight of an edge over the graph's. */
export function reachOf({ aggregate }: Pick<Edge, 'aggregate'>): number {
  return aggregate ? MAX_AGGREGATE_CORRECTION : MAX_CORRECTION;
}

/** Which index stands for what. Only this and its index map names to positions. */
export interface Layout {
  readonly units: readonly Unit[];
  readonly nodes: readonly string[];
  /** Per node the units that own it. */
  readonly owners: readonly (readonly number[])[];
  readonly roots: readonly string[];
  /** Sorted by child; a parent's index is below its child's. */
  readonly edges: readonly Edge[];
}

/** A feature is a column where at least a fifth of the windows that know the service have it. */
const MIN_PRESENCE = 0.2;

export function buildLayout(graph: CausalGraph, windows: readonly Window[]): Layout {
  const nodes = graph.latency.map(({ id }) => id);
  const edges = layEdges(graph);
  const members = new Map<string, { service: string; channel: Channel; nodes: number[] }>();
  graph.latency.forEach((node, v) => {
    for (const service of new Set(node.owners)) {
      for (const channel of channelsOf(node, service)) {
        const key = `${channel}|${service}`;
        const member = members.get(key) ?? { service, channel, nodes: [] };
        members.set(key, member);
        member.nodes.push(v);
      }
    }
  });
  const rootsOf = reachedRoots(graph, edges);
  const seen = new Map<string, readonly FeatureName[]>();
  const units = [...members.values()].map(({ service, channel, nodes: owned }): Unit => {
    const all = seen.get(service) ?? seenFeatures(service, windows);
    seen.set(service, all);
    const roots = [...new Set(owned.flatMap((v) => [...(rootsOf[v] ?? [])]))].sort((a, b) => a - b);
    return { service, channel, features: all.filter((f) => isRead(f, channel)), nodes: owned, roots };
  });
  const owners: number[][] = nodes.map(() => []);
  units.forEach((unit, u) => {
    for (const v of unit.nodes) owners[v]?.push(u);
  });
  return { units, nodes, owners, roots: [...graph.roots], edges };
}

/**
 * Ways there and back are of the channel. The client latency of a callee without spans is its compute and the way in
 * one, so both of its units take part.
 */
function channelsOf(node: LatencyNode, owner: string): readonly Channel[] {
  if (node.kind === 'request' || node.kind === 'response') return ['network'];
  const bare = node.kind === 'client' && node.parents.length === 0;
  return bare && owner === node.rpc.callee ? ['service', 'network'] : ['service'];
}

/** A channel reads the network's metrics, and the waits for a processor, without which nothing is sent or taken. */
function isRead(feature: FeatureName, channel: Channel): boolean {
  const { resource, role } = FEATURES[feature];
  if (channel === 'service') return resource !== 'network';
  return resource === 'network' || (resource === 'cpu' && role === 'contention');
}

function layEdges(graph: CausalGraph): Edge[] {
  const indexOf = new Map(graph.latency.map(({ id }, v) => [id, v]));
  return graph.latency.flatMap((node, child) => {
    const beside = new Map<number, number>();
    for (const { group } of node.parents) {
      if (group !== undefined) beside.set(group, (beside.get(group) ?? 0) + 1);
    }
    const edges = node.parents.flatMap((link): Edge[] => {
      const parent = indexOf.get(link.node);
      if (parent === undefined) return [];
      if (parent >= child)
        throw new TypeError(`graph lists ${node.id} before its cause ${link.node}: causes come first`);
      const group = link.group !== undefined && (beside.get(link.group) ?? 0) > 1 ? link.group : -1;
      const [least, most] = link.weightRange ?? [
        link.weight * Math.exp(-MAX_CORRECTION),
        link.weight * Math.exp(MAX_CORRECTION),
      ];
      return [
        {
          parent,
          child,
          weight: link.weight,
          least,
          most,
          aggregate: link.weightRange !== undefined,
          calls: link.callsPerChild,
          mix: passThrough(link.callsPerChild),
          group,
        },
      ];
    });
    return edges.sort((a, b) => a.group - b.group);
  });
}

/** Per node the indices of the roots that wait for it. */
function reachedRoots(graph: CausalGraph, edges: readonly Edge[]): readonly ReadonlySet<number>[] {
  const reached = graph.latency.map(() => new Set<number>());
  const indexOf = new Map(graph.latency.map(({ id }, v) => [id, v]));
  graph.roots.forEach((root, r) => {
    reached[indexOf.get(root) ?? -1]?.add(r);
  });
  for (let e = edges.length - 1; e >= 0; e--) {
    const { parent, child } = edges[e] as Edge;
    for (const r of reached[child] ?? []) reached[parent]?.add(r);
  }
  return reached;
}

function seenFeatures(service: string, windows: readonly Window[]): FeatureName[] {
  let known = 0;
  const seen = new Map<FeatureName, number>();
  const count = (value: number, feature: FeatureName): void => {
    if (Number.isFinite(value)) seen.set(feature, (seen.get(feature) ?? 0) + 1);
  };
  for (const { metrics } of windows) {
    const readings = metrics.get(service);
    if (readings === undefined || readings.size === 0) continue;
    known += 1;
    readings.forEach(count);
  }
  return FEATURE_NAMES.filter((feature) => (seen.get(feature) ?? 0) >= Math.max(1, MIN_PRESENCE * known));
}
