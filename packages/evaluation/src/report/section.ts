/** A specification of Vega-Lite, without schema, size of the page or colours of the theme. */
export type PlotSpec = Readonly<Record<string, unknown>>;

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'table';
      readonly caption: string;
      readonly columns: readonly string[];
      /** Cells as text; the first of each row names it. */
      readonly rows: readonly (readonly string[])[];
    }
  | {
      readonly kind: 'plot';
      /** Good as a file's name. */
      readonly name: string;
      readonly caption: string;
      readonly spec: PlotSpec;
    };

/** A figure of ours beside the paper's. */
export interface Comparison {
  /** What is measured, and where: `Accuracy, chain`. */
  readonly what: string;
  readonly ours: number;
  /** Of `ours`, 95 %; undefined for what is no share of cases. */
  readonly interval?: readonly [low: number, high: number] | undefined;
  readonly paper: number;
  /** As the paper has it: `above 0.91`. */
  readonly paperWords: string;
  readonly better: 'higher' | 'lower';
  /** `change`: by how much something is more or less than it was, 0.026 is 2.6 % more. */
  readonly unit: 'share' | 'ratio' | 'change' | 'ms' | 'R²';
  /** Why the two are not quite the same thing. */
  readonly caveat?: string | undefined;
}

/** What the report says of one experiment. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** What the figures mean, in a few sentences. */
  readonly meaning: string;
  readonly comparisons: readonly Comparison[];
  readonly blocks: readonly Block[];
}

/** Worse where the paper's figure lies outside what ours may be, on the wrong side. */
export function isWorse({ ours, interval = [ours, ours], paper, better }: Comparison): boolean {
  return better === 'higher' ? interval[1] < paper : interval[0] > paper;
}

/** At least as good as the paper's by the figure itself. */
export function isAsGood({ ours, paper, better }: Comparison): boolean {
  return better === 'higher' ? ours >= paper : ours <= paper;
}
