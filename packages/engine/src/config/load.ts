import {
  type ActionKind,
  errorMessage,
  type FeatureName,
  type Objective,
  type Outcome,
  success,
} from '@sage/core';
import { parsePlacement } from '@sage/orchestrator';
import { parseDocument } from 'yaml';
import type { Credentials } from '../http/credentials.js';
import type { ActuationConfig, Address, Config } from './config.js';
import { crossChecks } from './cross-checks.js';
import { type ConfigIssue, formatIssue, issuesOf } from './issues.js';
import { type OrchestratorSources, orchestratorOf } from './orchestrator.js';
import { configSchema, type RawConfig } from './schema.js';
import { knownKeys } from './schema-walk.js';
import { laterFileIssues, readSecretFiles } from './secret-files.js';
import { tlsIssues } from './tls-issues.js';

/** A rate needs two scrapes in its range, and many installations scrape once a minute. */
const DEFAULT_RANGE_SECONDS = 120;

export interface LoadConfigOptions {
  /** Reads a token or password file; the path is as written in the configuration. */
  readonly readFile: (path: string) => string;
  /** Where a file lies that is read later; absent: as it is written. */
  readonly resolvePath?: (path: string) => string;
}

/** As `Failure`, with every issue apart for programs; `message` has one line for each. */
export interface ConfigFailure {
  readonly ok: false;
  readonly reason: 'syntax' | 'invalid';
  readonly message: string;
  readonly issues: readonly ConfigIssue[];
}

/** YAML text → configuration, or all that is wrong with it at once: `syntax` (with line and column) or `invalid`. */
export function loadConfig(text: string, options: LoadConfigOptions): Outcome<Config> | ConfigFailure {
  const { readFile, resolvePath = (path) => path } = options;
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
  const secrets = readSecretFiles(input, readFile);
  const issues = [
    ...(parsed.success ? [] : issuesOf(parsed.error, input, knownKeys)),
    ...crossChecks(input),
    ...secrets.issues,
    ...laterFileIssues(input, readFile),
    ...tlsIssues(input, secrets.contents),
  ];
  if (!parsed.success || issues.length > 0) return refuse('invalid', issues);
  return success(resolve(parsed.data, { secrets: secrets.contents, resolvePath }));
}

/** The same check for people, and of the placement that it names: one line per error, or that there is none. */
export function checkConfig(text: string, options: LoadConfigOptions): { ok: boolean; text: string } {
  const loaded = loadConfig(text, options);
  if (!loaded.ok) return { ok: false, text: loaded.message };
  const { objectives, orchestrator } = loaded.value;
  if (orchestrator?.kind === 'static') {
    const placement = parsePlacement(options.readFile(orchestrator.file));
    if (!placement.ok) return { ok: false, text: `orchestrator.static.file: ${placement.message}` };
  }
  return { ok: true, text: `the configuration is valid: ${objectives.map(({ name }) => name).join(', ')}` };
}

function refuse(reason: 'syntax' | 'invalid', issues: readonly ConfigIssue[]): ConfigFailure {
  return { ok: false, reason, issues, message: issues.map(formatIssue).join('\n') };
}

function resolve(raw: RawConfig, sources: OrchestratorSources): Config {
  const { secrets } = sources;
  const content = (file: string | undefined) => (file === undefined ? undefined : secrets.get(file));
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
      credentials: credentialsOf(prometheus, secrets),
      headers: prometheus.headers,
      serviceLabel: prometheus.service_label,
      rangeSeconds: prometheus.range_seconds ?? Math.max(DEFAULT_RANGE_SECONDS, raw.windows.seconds),
      features: prometheus.features as Partial<Record<FeatureName, string>>,
    },
    nodeAgents: raw.node_agents.map(({ name, url, token_file, tls }) => ({
      name,
      url: trimSlash(url),
      token: content(token_file),
      tls: tls && { ca: content(tls.ca_file), cert: content(tls.cert_file), key: content(tls.key_file) },
    })),
    orchestrator: orchestratorOf(raw.orchestrator, sources),
    grafana: grafana && {
      url: trimSlash(grafana.url),
      token: content(grafana.token_file),
      dashboardUid: grafana.dashboard_uid,
    },
    alertmanager: { credentials: credentialsOf(raw.alertmanager, secrets) },
    learning: {
      schedule: learning.schedule,
      minWindows: learning.min_windows,
      historyWindows: learning.history_windows,
      epochs: learning.epochs,
      seed: learning.seed,
    },
    actuation: actuationOf(raw),
    trigger: { collector: raw.trigger.collector, brokenWindows: raw.trigger.broken_windows },
  };
}

function actuationOf({ actuation, objectives }: RawConfig): ActuationConfig {
  const { mode, min_probability, max_actions, allow, scale } = actuation;
  const min = scale.min ?? 1;
  return {
    mode,
    modes: new Map(
      objectives.flatMap((objective) =>
        objective.actuation === undefined ? [] : [[objective.name, objective.actuation]],
      ),
    ),
    minProbability: min_probability,
    maxActions: max_actions,
    allow: allow as readonly ActionKind[] | undefined,
    scale: {
      others: scale.max === undefined ? undefined : { min, max: scale.max },
      services: new Map(
        Object.entries(scale.services).map(([service, bounds]) => [
          service,
          { min: bounds.min ?? min, max: bounds.max },
        ]),
      ),
    },
  };
}

function credentialsOf(
  { token_file, basic_auth }: RawConfig['alertmanager'],
  secrets: ReadonlyMap<string, string>,
): Credentials | undefined {
  const secret = (file: string) => secrets.get(file) ?? '';
  if (token_file !== undefined) return { kind: 'bearer', token: secret(token_file) };
  if (basic_auth === undefined) return undefined;
  const { username, password_file } = basic_auth;
  return { kind: 'basic', username, password: secret(password_file) };
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
