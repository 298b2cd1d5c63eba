import { RESIDUAL_QUANTILES, type Residuals } from './calibration.js';
import type { Edge, Layout, Unit } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Parameters } from './parameters.js';
import { RANKED_WINDOWS } from './residual-ranks.js';
import { COLUMN_SCALES, NODE_SCALES, type Scales } from './scales.js';

/**
 * As much of a layout as some of its units need to learn, so that learning a part costs what the part is large. Units,
 * nodes and edges keep their order; roots are those of the whole.
 */
export interface Excerpt {
  readonly layout: Layout;
  /** Indices within the excerpt: the units that it is of, and the nodes that they own. */
  readonly chosen: readonly number[];
  readonly chosenNodes: readonly number[];
  /** Index within the excerpt → within the whole. */
  readonly units: readonly number[];
  readonly nodes: readonly number[];
  readonly edges: readonly number[];
  /** The same of features one after the other: `Inputs.features`. */
  readonly features: readonly number[];
}

/**
 * Of the chosen units, and of those that own a node together with one of them: with their nodes, and what these wait for.
 * What is only waited for has no owner here, and is taken as it was observed.
 */
export function excerptOf(whole: Layout, chosen: readonly number[]): Excerpt {
  const chosenNodes = nodesOf(whole, chosen);
  const units = ascending([...chosen, ...chosenNodes.flatMap((v) => whole.owners[v] ?? [])]);
  const owned = new Set(nodesOf(whole, units));
  const edges = whole.edges.flatMap(({ child }, e) => (owned.has(child) ? [e] : []));
  const nodes = ascending([...owned, ...edges.map((e) => (whole.edges[e] as Edge).parent)]);
  const unitOf = places(units);
  const nodeOf = places(nodes);
  const { features } = indexOf(whole);
  return {
    layout: {
      roots: whole.roots,
      nodes: nodes.map((v) => whole.nodes[v] as string),
      owners: nodes.map((v) => (whole.owners[v] ?? []).flatMap((u) => unitOf.get(u) ?? [])),
      units: units.map((u) => {
        const unit = whole.units[u] as Unit;
        return { ...unit, nodes: unit.nodes.map((v) => nodeOf.get(v) as number) };
      }),
      edges: edges.map((e) => {
        const edge = whole.edges[e] as Edge;
        return {
          ...edge,
          parent: nodeOf.get(edge.parent) as number,
          child: nodeOf.get(edge.child) as number,
        };
      }),
    },
    chosen: chosen.map((u) => unitOf.get(u) as number),
    chosenNodes: chosenNodes.map((v) => nodeOf.get(v) as number),
    units,
    nodes,
    edges,
    features: units.flatMap((u) => range(features[u] as number, features[u + 1] as number)),
  };
}

export function takeScales({ features, nodes }: Excerpt, whole: Scales): Scales {
  return {
    feature: {
      center: take(whole.feature.center, features),
      spread: take(whole.feature.spread, features),
      low: take(whole.feature.low, features),
      high: take(whole.feature.high, features),
    },
    load: whole.load,
    median: take(whole.median, nodes, 3),
    logSpread: take(whole.logSpread, nodes, 3),
    selfScale: take(whole.selfScale, nodes, 3),
    rawSpread: take(whole.rawSpread, nodes, 3),
  };
}

/** The way back: into `whole`. */
export function putScales({ features, nodes }: Excerpt, part: Scales, whole: Scales): void {
  for (const name of COLUMN_SCALES) {
    put(part.feature[name], features, whole.feature[name]);
    whole.load[name].set(part.load[name]);
  }
  for (const name of NODE_SCALES) {
    put(part[name], nodes, whole[name], 3);
  }
}

export function takeParameters({ units, edges }: Excerpt, whole: Parameters): Parameters {
  return {
    units: units.map((u) => whole.units[u] as Float32Array),
    corrections: Float32Array.from(edges, (e) => whole.corrections[e] as number),
  };
}

/** The whole with what was learnt of the part. */
export function withParameters(excerpt: Excerpt, part: Parameters, whole: Parameters): Parameters {
  const units = [...whole.units];
  excerpt.units.forEach((u, i) => {
    units[u] = part.units[i] as Float32Array;
  });
  const corrections = Float32Array.from(whole.corrections);
  excerpt.edges.forEach((e, i) => {
    corrections[e] = part.corrections[i] as number;
  });
  return { units, corrections };
}

/** The whole with the residuals of the chosen units' nodes. */
export function withResiduals({ nodes, chosenNodes }: Excerpt, part: Residuals, whole: Residuals): Residuals {
  const result = {
    center: Float64Array.from(whole.center),
    spread: Float64Array.from(whole.spread),
    quantiles: Float32Array.from(whole.quantiles),
    ranks: Uint8Array.from(whole.ranks),
    measuredMs: Float64Array.from(whole.measuredMs),
  };
  for (const here of chosenNodes) {
    copyResidual(part, here, result, nodes[here] as number);
  }
  return result;
}

/** Of one node, from one layout's residuals to another's. */
export function copyResidual(source: Residuals, from: number, target: Residuals, to: number): void {
  for (const [name, width] of [
    ['center', 3],
    ['spread', 3],
    ['quantiles', 3 * RESIDUAL_QUANTILES],
    ['ranks', 3 * RANKED_WINDOWS],
    ['measuredMs', 1],
  ] as const) {
    target[name].set(source[name].subarray(width * from, width * (from + 1)), width * to);
  }
}

function nodesOf({ units }: Layout, chosen: readonly number[]): readonly number[] {
  return ascending(chosen.flatMap((u) => units[u]?.nodes ?? []));
}

/** Without repetition. */
function ascending(values: Iterable<number>): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function places(values: readonly number[]): ReadonlyMap<number, number> {
  return new Map(values.map((value, i) => [value, i]));
}

function range(from: number, end: number): readonly number[] {
  return Array.from({ length: end - from }, (_, i) => from + i);
}

/** Entries of `width` numbers each. */
function take(whole: Float64Array, entries: readonly number[], width = 1): Float64Array {
  const part = new Float64Array(width * entries.length);
  entries.forEach((entry, i) => {
    part.set(whole.subarray(width * entry, width * (entry + 1)), width * i);
  });
  return part;
}

function put(part: Float64Array, entries: readonly number[], whole: Float64Array, width = 1): void {
  entries.forEach((entry, i) => {
    whole.set(part.subarray(width * i, width * (i + 1)), width * entry);
  });
}
