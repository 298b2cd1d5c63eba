import type { SourceFile } from './source-files.js';

export interface Import {
  /** The importing file, relative to the repository's root. */
  readonly file: string;
  readonly specifier: string;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
}

const STATEMENT =
  /^\s*(?:import|export)\s+(?<clause>type\s+)?(?:[\w*${}\s,]+?\sfrom\s+)?['"](?<specifier>[^'"\n]+)['"]/gm;
const DYNAMIC =
  /\b(?:import|require\.resolve|require|import\.meta\.resolve)\(\s*['"](?<specifier>[^'"\n]+)['"]\s*\)/g;

/** What a source file imports, statically, dynamically or by re-export. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const code = withoutComments(text);
  const statements = [...code.matchAll(STATEMENT)].map(({ groups }) => ({
    file: path,
    specifier: groups?.specifier as string,
    typeOnly: groups?.clause !== undefined,
  }));
  const dynamic = [...code.matchAll(DYNAMIC)].map(({ groups }) => ({
    file: path,
    specifier: groups?.specifier as string,
    typeOnly: false,
  }));
  return [...statements, ...dynamic];
}

/** Whole-line comments only: that is where examples with imports are. */
function withoutComments(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line))
    .join('\n');
}

/** The package of a bare specifier: `@scope/name` or `name`; undefined for relative ones and Node's own. */
export function packageOf(specifier: string): string | undefined {
  if (/^(\.|\/|node:)/.test(specifier)) return undefined;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? `${parts[0]}/${parts[1]}` : parts[0];
}

/** One cycle of the graph as a path that ends where it starts, or undefined where there is none. */
export function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string[] | undefined => {
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    if (done.has(node)) return undefined;
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next, [...path, node]);
      if (cycle !== undefined) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const cycle = visit(node, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
