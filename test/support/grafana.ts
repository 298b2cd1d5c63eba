export interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

interface DataSource {
  readonly type: string;
  readonly uid: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly datasource: DataSource;
  readonly gridPos: GridPosition;
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
  readonly targets: readonly {
    readonly refId: string;
    readonly datasource: DataSource;
    readonly expr: string;
  }[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly datasource?: DataSource;
  readonly query: string | { readonly query: string };
  readonly definition?: string;
}

interface Annotations {
  readonly enable: boolean;
  readonly hide: boolean;
  readonly target?: { readonly type: string; readonly tags?: readonly string[] };
}

export interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly Annotations[] };
}

const COLUMNS = 24;

/** Panels that lie on one another or beyond the grid, in words. */
export function layoutProblems(panels: readonly Pick<Panel, 'title' | 'gridPos'>[]): string[] {
  const overlap = (a: GridPosition, b: GridPosition) =>
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  return panels.flatMap(({ title, gridPos }, index) => {
    const { x, y, w, h } = gridPos;
    const outside = x < 0 || y < 0 || w < 1 || h < 1 || x + w > COLUMNS;
    const covered = panels.slice(0, index).filter((other) => overlap(gridPos, other.gridPos));
    return [
      ...(outside ? [`${title} lies beyond the grid`] : []),
      ...covered.map((other) => `${title} lies on ${other.title}`),
    ];
  });
}

/** The query of a variable that asks Prometheus; undefined for the others. */
export function variableQuery({ type, query }: Variable): string | undefined {
  if (type !== 'query') return undefined;
  return typeof query === 'string' ? query : query.query;
}

/** What a variable's `label_values(metric, label)` asks for. */
export function labelValues(query: string): { readonly metric: string; readonly label: string } | undefined {
  const match = /^label_values\(\s*([\w:]+)(?:\{.*\})?\s*,\s*(\w+)\s*\)$/.exec(query);
  return match === null ? undefined : { metric: match[1] as string, label: match[2] as string };
}

/** Ranges other than Grafana's own, with which a graph lies when its resolution changes. */
export function fixedRanges(expr: string): string[] {
  return [...expr.matchAll(/\[[^\]]*\]/g)]
    .map(([range]) => range)
    .filter((range) => range !== '[$__rate_interval]');
}
