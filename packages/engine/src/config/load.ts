import { errorMessage, type FeatureName, type Objective, type Outcome, success } from '@sage/core';
import { parseDocument } from 'yaml';
import type { Address, Config } from './config.js';
import { type ConfigIssue, formatIssue, issuesOf } from './issues.js';
import { configSchema, type RawConfig } from './schema.js';

export interface LoadConfigOptions {
  /** Reads a token file; the path is as written in the configuration. */
  readonly readFile: (path: string) => string;
}

/** As `Failure`, with every issue apart for programs; `message` has one line for each. */
export interface ConfigFailure {
  readonly ok: false;
  readonly reason: 'syntax' | 'invalid';
  readonly message: string;
  readonly issues: readonly ConfigIssue[];
}

/** YAML text → configuration, or all that is wrong with it at once: `syntax` (with line and column) or `invalid`. */
export function loadConfig(text: string, { readFile }: LoadConfigOptions): Outcome<Config> | ConfigFailure {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) {
    return refuse(
      'syntax',
      document.errors.map((error) => ({
        path: lineAndColumn(text, error.pos[0]),
        expected: 'valid YAML',
        actual: error.message,
      })),
    );
  }
  let input: unknown;
  try {
    input = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return refuse('syntax', [{ path: '', expected: 'valid YAML', actual: errorMessage(error) }]);
  }
  const parsed = configSchema.safeParse(input);
  const issues = parsed.success ? [] : issuesOf(parsed.error, input, knownKeys);
  const tokens = readTokens(input, readFile, issues);
  if (!parsed.success || issues.length > 0) return refuse('invalid', issues);
  return success(resolve(parsed.data, tokens));
}

/** The same check for people: one line per error, or that there is none. */
export function checkConfig(text: string, options: LoadConfigOptions): { ok: boolean; text: string } {
  const loaded = loadConfig(text, options);
  if (!loaded.ok) return { ok: false, text: loaded.message };
  const { objectives } = loaded.value;
  return { ok: true, text: `the configuration is valid: ${objectives.map(({ name }) => name).join(', ')}` };
}

function refuse(reason: 'syntax' | 'invalid', issues: readonly ConfigIssue[]): ConfigFailure {
  return { ok: false, reason, issues, message: issues.map(formatIssue).join('\n') };
}

/** Token files that can be read are read even if something else is wrong, so that no error waits behind another. */
function readTokens(
  input: unknown,
  readFile: (path: string) => string,
  issues: ConfigIssue[],
): Map<string, string> {
  const tokens = new Map<string, string>();
  for (const { path, file } of tokenFiles(input)) {
    try {
      const token = readFile(file).trim();
      if (token === '')
        issues.push({ path, expected: 'a file with a token', actual: `${file}, which is empty` });
      tokens.set(file, token);
    } catch (error) {
      issues.push({ path, expected: 'a file that can be read', actual: errorMessage(error) });
    }
  }
  return tokens;
}

function tokenFiles(input: unknown): { path: string; file: string }[] {
  const raw = input as Partial<Record<'grafana' | 'alertmanager' | 'node_agents', unknown>> | null;
  const agents = Array.isArray(raw?.node_agents) ? raw.node_agents : [];
  const holders: [string, unknown][] = [
    ['grafana', raw?.grafana],
    ['alertmanager', raw?.alertmanager],
    ...agents.map((agent, index): [string, unknown] => [`node_agents[${index}]`, agent]),
  ];
  return holders.flatMap(([path, holder]) => {
    const file = (holder as { token_file?: unknown } | null | undefined)?.token_file;
    return typeof file === 'string' && file !== '' ? [{ path: `${path}.token_file`, file }] : [];
  });
}

function resolve(raw: RawConfig, tokens: ReadonlyMap<string, string>): Config {
  const token = (file: string | undefined) => (file === undefined ? undefined : tokens.get(file));
  const { prometheus, grafana, learning } = raw;
  return {
    listen: parseAddress(raw.listen),
    dataDir: raw.data_dir,
    objectives: raw.objectives.map(
      (objective): Objective => ({
        name: objective.name,
        service: objective.service,
        operation: objective.operation,
        percentile: `${objective.percentile}Ms`,
        thresholdMs: objective.threshold_ms,
      }),
    ),
    windows: { seconds: raw.windows.seconds, slideSeconds: raw.windows.slide_seconds },
    receivers: {
      otlpHttp: optionalAddress(raw.receivers.otlp_http),
      jaegerUdp: optionalAddress(raw.receivers.jaeger_udp),
    },
    prometheus: prometheus && {
      url: trimSlash(prometheus.url),
      serviceLabel: prometheus.service_label,
      features: prometheus.features as Partial<Record<FeatureName, string>>,
    },
    nodeAgents: raw.node_agents.map(({ name, url, token_file }) => ({
      name,
      url: trimSlash(url),
      token: token(token_file),
    })),
    grafana: grafana && {
      url: trimSlash(grafana.url),
      token: token(grafana.token_file),
      dashboardUid: grafana.dashboard_uid,
    },
    alertmanager: { token: token(raw.alertmanager.token_file) },
    learning: {
      schedule: learning.schedule,
      minWindows: learning.min_windows,
      historyWindows: learning.history_windows,
      epochs: learning.epochs,
      seed: learning.seed,
    },
    actuation: { mode: raw.actuation.mode, minProbability: raw.actuation.min_probability },
    trigger: { collector: raw.trigger.collector, brokenWindows: raw.trigger.broken_windows },
  };
}

function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

function optionalAddress(text: string | null): Address | undefined {
  return text === null ? undefined : parseAddress(text);
}

function trimSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** The keys that the schema knows at a path, for suggestions. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let node: unknown = configSchema;
  for (const part of path) {
    const inner = unwrap(node);
    node = typeof part === 'number' ? inner.element : inner.shape?.[String(part)];
  }
  return Object.keys(unwrap(node).shape ?? {});
}

interface SchemaNode {
  readonly shape?: Record<string, unknown>;
  readonly element?: unknown;
}

/** Through the optional, default and nullable wrappers to the object or list inside. */
function unwrap(node: unknown): SchemaNode {
  let inner = node as SchemaNode & { def?: { innerType?: unknown } };
  while (inner?.def?.innerType !== undefined) inner = inner.def.innerType as typeof inner;
  return inner ?? {};
}
