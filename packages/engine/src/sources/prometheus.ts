import {
  type Clock,
  type FeatureName,
  type Logger,
  type MetricSample,
  type Outcome,
  success,
} from '@sage/core';
import {
  createPrometheusSource,
  DEFAULT_PROMETHEUS_FEATURES,
  type PrometheusSource,
} from '@sage/telemetry-source';
import type { PrometheusConfig } from '../config/config.js';
import { authorization } from '../http/credentials.js';
import type { MetricSource } from '../parts.js';

type Fetch = typeof globalThis.fetch;

/** Features from Prometheus, each one's trouble told once, when it begins or changes: the others go on. */
export function prometheusMetrics(
  config: PrometheusConfig,
  { fetch, logger }: { readonly fetch: Fetch; readonly logger: Logger },
): MetricSource {
  const source = sourceOf(config, fetch);
  let told = new Map<string, string>();
  const tell = () => {
    const present = new Map(source.problems().map(({ feature, message }) => [feature as string, message]));
    for (const [feature, message] of present) {
      if (told.get(feature) !== message)
        logger.warn('a feature has no readings', { feature, problem: message });
    }
    told = present;
  };
  return {
    name: 'prometheus',
    read: async (nowMs): Promise<Outcome<readonly MetricSample[]>> => {
      const read = await source.read(rangeUntil(config, nowMs));
      if (!read.ok) return read;
      tell();
      return success(read.value);
    },
  };
}

export interface FeatureProbe {
  readonly feature: FeatureName;
  /** With the service label and a finite value. */
  readonly series: number;
  /** Why there are none. `noData`: the query works and gives nothing. */
  readonly problem: { readonly noData: boolean; readonly message: string } | undefined;
}

/** Asks for every feature once. Fails where Prometheus answers none of the queries. */
export async function probePrometheus(
  config: PrometheusConfig,
  { fetch, clock }: { readonly fetch: Fetch; readonly clock: Clock },
): Promise<Outcome<readonly FeatureProbe[]>> {
  const source = sourceOf(config, fetch);
  const read = await source.read(rangeUntil(config, clock.now()));
  if (!read.ok) return read;
  return success(
    featureNames(config).map((feature) => {
      const problem = source.problems().find((candidate) => candidate.feature === feature);
      return {
        feature,
        series: read.value.filter((sample) => sample.feature === feature).length,
        problem: problem && { noData: problem.reason === 'no_data', message: problem.message },
      };
    }),
  );
}

function sourceOf(
  { url, serviceLabel, headers, credentials, ...config }: PrometheusConfig,
  fetch: Fetch,
): PrometheusSource {
  return createPrometheusSource({
    url,
    serviceLabel,
    headers: {
      ...headers,
      ...(credentials === undefined ? {} : { Authorization: authorization(credentials) }),
    },
    features: featuresOf(config),
    fetch,
  });
}

function featuresOf({ features }: Pick<PrometheusConfig, 'features'>) {
  return { ...DEFAULT_PROMETHEUS_FEATURES, ...features };
}

function featureNames(config: PrometheusConfig): FeatureName[] {
  return Object.keys(featuresOf(config)) as FeatureName[];
}

function rangeUntil({ rangeSeconds }: PrometheusConfig, endMs: number) {
  return { startMs: endMs - 1000 * rangeSeconds, endMs };
}
