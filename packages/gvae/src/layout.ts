import type { CausalGraph } from '@sage/causal-graph';
import { FEATURE_NAMES, type FeatureName, type Window } from '@sage/core';
import { passThrough } from './pass-through.js';

/** Width of the hidden layers and size of each service's latent Z. */
export const HIDDEN = 16;
export const LATENT = 2;

export interface Edge {
  readonly parent: number;
  readonly child: number;
  /** The critical-path share of the graph: the learnt weight stays within a factor e^±0.2 of it. */
  readonly weight: number;
  /** Row-major 3×3, see `passThrough`. */
  readonly mix: readonly number[];
}

/**
 * Which index stands for what. Only this maps names to positions. Networks of all services are padded to one shape,
 * so that one batched product computes all of them.
 */
export interface Layout {
  readonly services: readonly string[];
  /** Per service the features seen in enough windows, in a fixed order. */
  readonly features: readonly (readonly FeatureName[])[];
  /** Per service the indices of the nodes it owns. */
  readonly owned: readonly (readonly number[])[];
  readonly nodes: readonly string[];
  /** Per node its owners' indices. */
  readonly owners: readonly (readonly number[])[];
  readonly roots: readonly string[];
  /** Sorted by child; a parent's index is below its child's. */
  readonly edges: readonly Edge[];
  /** Padded sizes, at least 1: features, owned nodes, roots, edges. */
  readonly width: {
    readonly features: number;
    readonly owned: number;
    readonly roots: number;
    readonly edges: number;
  };
}

/** A feature is a column where at least a fifth of the windows that know the service have it. */
const MIN_PRESENCE = 0.2;

export function buildLayout(graph: CausalGraph, windows: readonly Window[]): Layout {
  const services = [...new Set([...graph.services, ...graph.latency.flatMap((node) => node.owners)])];
  const nodes = graph.latency.map((node) => node.id);
  const indexOf = new Map(nodes.map((id, index) => [id, index]));
  const features = services.map((service) => seenFeatures(service, windows));
  const serviceIndex = new Map(services.map((name, index) => [name, index]));
  const owners = graph.latency.map((node) =>
    [...new Set(node.owners)].map((owner) => serviceIndex.get(owner) as number),
  );
  const owned = services.map((_, s) => nodes.flatMap((_id, v) => (owners[v]?.includes(s) ? [v] : [])));
  const edges = graph.latency.flatMap((node, child) =>
    node.parents.flatMap((link) => {
      const parent = indexOf.get(link.node);
      if (parent === undefined) return [];
      if (parent >= child)
        throw new TypeError(`graph lists ${node.id} before its cause ${link.node}: causes come first`);
      return [{ parent, child, weight: link.weight, mix: passThrough(link.callsPerChild) }];
    }),
  );
  const roots = [...graph.roots];
  const width = {
    features: Math.max(1, ...features.map((list) => list.length)),
    owned: Math.max(1, ...owned.map((list) => list.length)),
    roots: Math.max(1, roots.length),
    edges: Math.max(1, edges.length),
  };
  return { services, features, owned, nodes, owners, roots, edges, width };
}

function seenFeatures(service: string, windows: readonly Window[]): FeatureName[] {
  const known = windows.filter((window) => (window.metrics.get(service)?.size ?? 0) > 0);
  return FEATURE_NAMES.filter((feature) => {
    const seen = known.filter((window) => Number.isFinite(window.metrics.get(service)?.get(feature))).length;
    return seen > 0 && seen >= MIN_PRESENCE * known.length;
  });
}
