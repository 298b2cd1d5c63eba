import { type FeatureName, failure, type MetricSample, type Outcome, success } from '@sage/core';
import { sanitizeInstance, sanitizeService } from './names.js';
import type { PrometheusTemplates } from './prometheus-features.js';
import { type QueryFailure, type QueryTarget, queryVector, type VectorElement } from './prometheus-query.js';

export interface PrometheusSourceOptions {
  /** Base URL, with the path prefix where there is one: `http://prometheus:9090`, `http://mimir/prometheus`. */
  readonly url: string;
  readonly features: PrometheusTemplates;
  /** Keep only these services; absent: all that the queries give. */
  readonly services?: readonly string[];
  /** The label that holds the service's name. */
  readonly serviceLabel?: string;
  /** Sent with each query: authorisation, tenant. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  /** Of a whole read, all features together. */
  readonly timeoutMs?: number;
}

/** `no_service_label`: there are series, none of which says whose it is. */
export type FeatureFailure = QueryFailure | 'no_data' | 'no_service_label';

export interface FeatureProblem {
  readonly feature: FeatureName;
  readonly reason: FeatureFailure;
  /** With the query, and what to do. */
  readonly message: string;
}

export interface PrometheusSource {
  /**
   * Readings of the window that ends at `endMs`, stamped with its end. A feature that fails does not take the others
   * along: it is in `problems()`. The read fails, for the first feature's reason, only if all features did; no data
   * is not a failure.
   */
  read(window: {
    readonly startMs: number;
    readonly endMs: number;
  }): Promise<Outcome<MetricSample[], FeatureFailure | 'bad_url'>>;
  /** What was wrong with single features in the last read. */
  problems(): readonly FeatureProblem[];
}

const DEFAULT_SERVICE_LABEL = 'container';
/** Says of which replica a series is, where a query keeps it. */
const REPLICA_LABEL = 'pod';
const DEFAULT_TIMEOUT_MS = 5000;
const CONCURRENT_QUERIES = 6;

/** Reads features by instant queries from Prometheus or whatever speaks its API. */
export function createPrometheusSource(options: PrometheusSourceOptions): PrometheusSource {
  const { headers = {}, serviceLabel = DEFAULT_SERVICE_LABEL, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const services = options.services === undefined ? undefined : new Set(options.services);
  const features = Object.entries(options.features) as (readonly [FeatureName, string])[];
  const endpoint = queryEndpoint(options.url);
  let problems: readonly FeatureProblem[] = [];

  const readFeature = async (
    target: QueryTarget,
    feature: FeatureName,
    template: string,
    endMs: number,
    windowSeconds: number,
  ): Promise<readonly MetricSample[] | FeatureProblem> => {
    const promql = fillTemplate(template, windowSeconds, serviceLabel);
    const problem = (reason: FeatureFailure, message: string): FeatureProblem => ({
      feature,
      reason,
      message: `${feature}: ${message}; query: ${promql}`,
    });
    const answer = await queryVector(target, promql, endMs);
    if (!answer.ok) return problem(answer.reason, answer.message);
    const vector = answer.value;
    const labelled = vector.filter(({ labels }) => labels[serviceLabel]);
    if (vector.length > 0 && labelled.length === 0) {
      const has = Object.keys(vector[0]?.labels ?? {}).join(', ') || 'none at all';
      return problem(
        'no_service_label',
        `no series has the label "${serviceLabel}" (labels: ${has}); aggregate by it`,
      );
    }
    const samples = toSamples(labelled, feature, serviceLabel, endMs).filter(
      ({ service }) => services?.has(service) ?? true,
    );
    if (samples.length > 0) return samples;
    return problem('no_data', noDataMessage(labelled.length, windowSeconds));
  };

  return {
    read: async ({ startMs, endMs }) => {
      problems = [];
      if (endpoint === undefined) {
        return failure(
          'bad_url',
          `${JSON.stringify(options.url)} is not a URL such as http://prometheus:9090`,
        );
      }
      const signal = AbortSignal.timeout(timeoutMs);
      const target: QueryTarget = { endpoint, headers, fetch: options.fetch, signal };
      const windowSeconds = Math.max(1, Math.round((endMs - startMs) / 1000));
      const readings = await mapConcurrently(features, CONCURRENT_QUERIES, ([feature, template]) =>
        readFeature(target, feature, template, endMs, windowSeconds),
      );
      problems = readings.filter(isProblem);
      const samples = readings.flatMap((reading) => (isProblem(reading) ? [] : reading));
      const first = problems[0];
      const allFailed =
        first !== undefined &&
        problems.length === features.length &&
        problems.every(({ reason }) => reason !== 'no_data');
      return allFailed ? failure(first.reason, first.message) : success(samples);
    },
    problems: () => problems,
  };
}

function isProblem(reading: readonly MetricSample[] | FeatureProblem): reading is FeatureProblem {
  return 'reason' in reading;
}

/** Only http and https: `localhost:9090` without a scheme parses as a URL too. */
function queryEndpoint(url: string): URL | undefined {
  if (!URL.canParse(url)) return undefined;
  const base = new URL(url);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') return undefined;
  base.pathname = `${base.pathname.replace(/\/+$/, '')}/api/v1/query`;
  return base;
}

/** `$1` and the like, which label_replace uses, stay as they are. */
export function fillTemplate(template: string, windowSeconds: number, serviceLabel: string): string {
  return template
    .replaceAll('$window', () => `${windowSeconds}s`)
    .replaceAll('$service_label', () => serviceLabel);
}

function toSamples(
  vector: readonly VectorElement[],
  feature: FeatureName,
  serviceLabel: string,
  timestampMs: number,
): MetricSample[] {
  return vector
    .filter(({ value }) => Number.isFinite(value))
    .map(({ labels, value }) => {
      const instance = sanitizeInstance(labels[REPLICA_LABEL]);
      const service = sanitizeService(labels[serviceLabel]);
      return { service, ...(instance === undefined ? {} : { instance }), feature, timestampMs, value };
    });
}

function noDataMessage(labelled: number, windowSeconds: number): string {
  if (labelled > 0) return `${labelled} series, none of a known service and with a finite value`;
  return `no series: is the metric scraped, and at least every ${windowSeconds / 2} s, as rates over ${windowSeconds} s need`;
}

async function mapConcurrently<A, B>(
  items: readonly A[],
  limit: number,
  work: (item: A) => Promise<B>,
): Promise<readonly B[]> {
  const results: B[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as A);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
