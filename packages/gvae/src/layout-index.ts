import type { Layout } from './layout.js';

/** Positions in the flat arrays of a layout, looked up by name; made once per layout. */
export interface LayoutIndex {
  readonly node: ReadonlyMap<string, number>;
  readonly root: ReadonlyMap<string, number>;
  /** service → its units. */
  readonly units: ReadonlyMap<string, readonly number[]>;
  /** Per unit where its features begin in `Inputs.features`; one entry more than there are units: the length. */
  readonly features: Int32Array;
  /** Per unit where its nodes' percentiles begin in `Inputs.own`. */
  readonly own: Int32Array;
  /** Per node where its edges begin in `Layout.edges`. */
  readonly edges: Int32Array;
  /** [node]: 1 where what it is handed is a guess, of services and not of calls. */
  readonly guessed: Uint8Array;
  /** Per edge its parent. */
  readonly parents: Int32Array;
}

const known = new WeakMap<Layout, LayoutIndex>();

export function indexOf(layout: Layout): LayoutIndex {
  let index = known.get(layout);
  if (index === undefined) {
    index = buildIndex(layout);
    known.set(layout, index);
  }
  return index;
}

function buildIndex({ units, nodes, roots, edges }: Layout): LayoutIndex {
  const byService = new Map<string, number[]>();
  units.forEach(({ service }, u) => {
    byService.set(service, [...(byService.get(service) ?? []), u]);
  });
  const into = new Int32Array(nodes.length + 1);
  for (const { child } of edges) into[child + 1] = (into[child + 1] as number) + 1;
  for (let v = 0; v < nodes.length; v++) into[v + 1] = (into[v + 1] as number) + (into[v] as number);
  return {
    node: new Map(nodes.map((id, v) => [id, v])),
    root: new Map(roots.map((id, r) => [id, r])),
    units: byService,
    features: offsets(units.map((unit) => unit.features.length)),
    own: offsets(units.map((unit) => 3 * unit.nodes.length)),
    edges: into,
    guessed: guessedOf(nodes.length, edges),
    parents: Int32Array.from(edges, ({ parent }) => parent),
  };
}

function guessedOf(nodes: number, edges: Layout['edges']): Uint8Array {
  const guessed = new Uint8Array(nodes);
  for (const { child, aggregate } of edges) if (aggregate) guessed[child] = 1;
  return guessed;
}

/** Running sums, from 0 to the total. */
function offsets(sizes: readonly number[]): Int32Array {
  const starts = new Int32Array(sizes.length + 1);
  sizes.forEach((size, i) => {
    starts[i + 1] = (starts[i] as number) + size;
  });
  return starts;
}
