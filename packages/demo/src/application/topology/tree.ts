/** How many times a `repeat` runs. */
export type RepeatCount =
  | { readonly kind: 'fixed'; readonly times: number }
  /** Keys that the cache did not have: one with the chance of a miss, else none. */
  | { readonly kind: 'misses' }
  /** Nights of the stay, uniform in 1..5, the same number throughout one request. */
  | { readonly kind: 'nights' };

/** The chance that a `branch` goes `then`. */
export type BranchChance =
  | { readonly kind: 'fixed'; readonly p: number }
  | { readonly kind: 'hit' }
  | { readonly kind: 'miss' };

/** What a component does for a request. */
export type TreeNode =
  | { readonly kind: 'seq' | 'par'; readonly steps: readonly TreeNode[] }
  | {
      readonly kind: 'call';
      readonly to: string;
      readonly operation: string;
      /** undefined: the caller makes no span of its own. */
      readonly clientSpan: string | undefined;
      readonly serverSpan: string;
      readonly body: TreeNode;
    }
  | {
      readonly kind: 'store';
      readonly to: string;
      readonly operation: string;
      readonly span: string | undefined;
    }
  | {
      readonly kind: 'repeat';
      readonly count: RepeatCount;
      readonly parallel: boolean;
      readonly body: TreeNode;
    }
  | {
      readonly kind: 'branch';
      readonly chance: BranchChance;
      readonly then: TreeNode;
      readonly else: TreeNode;
    }
  | { readonly kind: 'async'; readonly body: TreeNode }
  | { readonly kind: 'local'; readonly text: string };

/** Rooms are nearly always left in a demo: the workload books one request in two hundred. */
const CAPACITY_LEFT = 0.95;

type Raw = Readonly<Record<string, unknown>>;

/** Reads the notation `{seq: […]}`, `{par}`, `{call}`, `{store}`, `{repeat}`, `{branch}`, `{async}`, `{local}`. */
export function parseTree(input: unknown, path: string, components: ReadonlySet<string>): TreeNode {
  const parse = (node: unknown, at: string): TreeNode => parseTree(node, at, components);
  const target = (raw: Raw, at: string): string => {
    if (typeof raw.to === 'string' && components.has(raw.to)) return raw.to;
    throw new Error(`${at}.to: no component is called ${JSON.stringify(raw.to)}`);
  };
  const [[kind, value] = ['', undefined], ...more] = Object.entries((input ?? {}) as Raw);
  if (more.length > 0)
    throw new Error(`${path}: expected one key, got ${Object.keys(input as Raw).join(', ')}`);
  const at = `${path}.${kind}`;
  const raw = (value ?? {}) as Raw;
  switch (kind) {
    case 'seq':
    case 'par':
      if (!Array.isArray(value)) throw new Error(`${at}: expected a list of steps`);
      return { kind, steps: value.map((step, i) => parse(step, `${at}[${i}]`)) };
    case 'call':
      return {
        kind,
        to: target(raw, at),
        operation: text(raw.op, `${at}.op`),
        clientSpan: optionalText(raw.client_span),
        serverSpan: text(raw.server_span, `${at}.server_span`),
        body: parse(raw.body, `${at}.body`),
      };
    case 'store':
      return {
        kind,
        to: target(raw, at),
        operation: text(raw.op, `${at}.op`),
        span: optionalText(raw.span),
      };
    case 'repeat':
      return {
        kind,
        count: parseCount(raw.n, `${at}.n`),
        parallel: raw.mode === 'par',
        body: parse(raw.body, `${at}.body`),
      };
    case 'branch':
      return {
        kind,
        chance: parseChance(raw.on, raw.p, at),
        // biome-ignore lint/suspicious/noThenProperty: the notation's own word, and never a promise
        then: parse(raw.then, `${at}.then`),
        else: parse(raw.else, `${at}.else`),
      };
    case 'async':
      return { kind, body: parse(value, at) };
    case 'local':
      return { kind, text: text(value, at) };
    default:
      throw new Error(
        `${path}: expected seq, par, call, store, repeat, branch, async or local, got ${JSON.stringify(kind)}`,
      );
  }
}

function parseCount(n: unknown, path: string): RepeatCount {
  if (typeof n === 'number' && Number.isInteger(n) && n >= 0) return { kind: 'fixed', times: n };
  if (typeof n === 'string' && n.includes('missing')) return { kind: 'misses' };
  if (typeof n === 'string' && n.startsWith('nights')) return { kind: 'nights' };
  throw new Error(`${path}: expected a number, "… missing …" or "nights", got ${JSON.stringify(n)}`);
}

function parseChance(on: unknown, p: unknown, path: string): BranchChance {
  if (typeof p === 'number' && p >= 0 && p <= 1) return { kind: 'fixed', p };
  if (p !== null && p !== undefined) throw new Error(`${path}.p: expected 0..1, got ${JSON.stringify(p)}`);
  if (on === 'hit' || on === 'miss') return { kind: on };
  if (typeof on === 'string' && on.startsWith('capacity')) return { kind: 'fixed', p: CAPACITY_LEFT };
  throw new Error(`${path}.on: without p, expected hit, miss or capacity…, got ${JSON.stringify(on)}`);
}

function text(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`${path}: expected a text, got ${JSON.stringify(value)}`);
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
