import { type Discrete, independent } from './independence.js';

export interface PcOptions {
  /** Level of the tests: the smaller, the fewer edges. */
  readonly alpha: number;
  /** Most variables that a test is conditioned on. */
  readonly mostGiven: number;
  /** What is known beforehand: that an edge between the two, should there be one, runs from the first to the second. */
  readonly known?: (from: number, to: number) => boolean;
}

/** A completed partially directed acyclic graph over 0 … size − 1: edges that run either way have both directions. */
export interface Cpdag {
  /** What may cause a variable: whose edge to it is directed that way, or not directed. */
  possibleParents(variable: number): readonly number[];
}

/**
 * The PC algorithm (Spirtes and Glymour 1991), in the form that does not depend on the order of the variables (Colombo and
 * Maathuis 2014): a skeleton by tests of conditional independence, colliders, and what follows of both (Meek 1995, rules 1
 * to 3). A test for which there are too few rows removes nothing.
 */
export function pc(variables: readonly Discrete[], options: PcOptions): Cpdag {
  const { adjacent, separators } = skeleton(variables, options);
  const edges = adjacent.map((row) => [...row]);
  const size = variables.length;
  const { known = () => false } = options;
  each(size, (a, b) => {
    if (adjacent[a]?.[b] && known(a, b)) direct(edges, a, b);
  });
  directColliders(edges, adjacent, separators);
  while (propagate(edges, adjacent)) {}
  return {
    possibleParents: (variable) => [...edges.keys()].filter((other) => edges[other]?.[variable]),
  };
}

type Matrix = boolean[][];

interface Skeleton {
  readonly adjacent: Matrix;
  /** By `a b` with a < b: given which the two are independent. */
  readonly separators: ReadonlyMap<string, readonly number[]>;
}

function skeleton(variables: readonly Discrete[], { alpha, mostGiven }: PcOptions): Skeleton {
  const size = variables.length;
  const adjacent = variables.map((_, a) => variables.map((_, b) => a !== b));
  const separators = new Map<string, readonly number[]>();
  for (let order = 0; order <= mostGiven; order++) {
    const before = adjacent.map((row) => [...row.keys()].filter((b) => row[b]));
    each(size, (a, b) => {
      if (!adjacent[a]?.[b]) return;
      const others = (before[a] as number[]).filter((other) => other !== b);
      for (const given of subsets(others, order)) {
        const [x, y] = [variables[a] as Discrete, variables[b] as Discrete];
        if (
          !independent(
            x,
            y,
            given.map((i) => variables[i] as Discrete),
            alpha,
          )
        )
          continue;
        separators.set(pairKey(a, b), given);
        (adjacent[a] as boolean[])[b] = false;
        (adjacent[b] as boolean[])[a] = false;
        break;
      }
    });
  }
  return { adjacent, separators };
}

/** a → c ← b where a and b are not adjacent, and c is not what separates them. */
function directColliders(edges: Matrix, adjacent: Matrix, separators: Skeleton['separators']): void {
  each(edges.length, (a, b) => {
    if (a > b || adjacent[a]?.[b]) return;
    for (let c = 0; c < edges.length; c++) {
      if (!adjacent[a]?.[c] || !adjacent[b]?.[c] || separators.get(pairKey(a, b))?.includes(c)) continue;
      // An edge that already runs the other way stays as it is.
      if (edges[a]?.[c] && edges[b]?.[c]) {
        direct(edges, a, c);
        direct(edges, b, c);
      }
    }
  });
}

/** One round of Meek's rules; whether it directed anything. */
function propagate(edges: Matrix, adjacent: Matrix): boolean {
  const directed = (a: number, b: number) => edges[a]?.[b] === true && edges[b]?.[a] === false;
  const undirected = (a: number, b: number) => edges[a]?.[b] === true && edges[b]?.[a] === true;
  const all = [...edges.keys()];
  let changed = false;
  each(edges.length, (a, b) => {
    if (!undirected(a, b)) return;
    const follows =
      all.some((c) => directed(c, a) && c !== b && !adjacent[c]?.[b]) ||
      all.some((c) => directed(a, c) && directed(c, b)) ||
      all.some(
        (c) =>
          undirected(a, c) &&
          directed(c, b) &&
          all.some((d) => d !== c && undirected(a, d) && directed(d, b) && !adjacent[c]?.[d]),
      );
    if (!follows) return;
    direct(edges, a, b);
    changed = true;
  });
  return changed;
}

function direct(edges: Matrix, from: number, to: number): void {
  (edges[to] as boolean[])[from] = false;
}

function each(size: number, visit: (a: number, b: number) => void): void {
  for (let a = 0; a < size; a++) for (let b = 0; b < size; b++) if (a !== b) visit(a, b);
}

function pairKey(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function* subsets(items: readonly number[], size: number, from = 0): Generator<readonly number[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (let i = from; i <= items.length - size; i++) {
    for (const rest of subsets(items, size - 1, i + 1)) yield [items[i] as number, ...rest];
  }
}
