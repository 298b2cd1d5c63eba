import { failure, type Outcome, success } from '@sage/core';
import { checkOptions, type InstrumentationOptions, type SpanExporterOptions } from './options.js';

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_ENDPOINT = 'http://localhost:4318';
const JAEGER_PORT = '6831';

/**
 * The options that OpenTelemetry's own variables ask for. Spans go to a Jaeger agent where OTEL_TRACES_EXPORTER or
 * OTEL_EXPORTER_JAEGER_AGENT_HOST says so, else over OTLP; metrics go over OTLP where an endpoint for them is named.
 */
export function optionsFromEnvironment(env: Environment): Outcome<InstrumentationOptions, 'options'> {
  const serviceName = env.OTEL_SERVICE_NAME;
  if (serviceName === undefined)
    return failure('options', 'OTEL_SERVICE_NAME: expected the name of the service');
  const exporter = spanExporter(env);
  if (!exporter.ok) return exporter;
  const metricsUrl = metricsEndpoint(env);
  const instance = /(?:^|,)service\.instance\.id=([^,]+)/.exec(env.OTEL_RESOURCE_ATTRIBUTES ?? '')?.[1];
  return checkOptions({
    serviceName,
    exporter: exporter.value,
    ...(instance === undefined ? {} : { instance }),
    ...(metricsUrl === undefined ? {} : { metricsUrl }),
    ...numberOption('samplingRatio', env.OTEL_TRACES_SAMPLER_ARG),
    ...numberOption('metricsIntervalMs', env.OTEL_METRIC_EXPORT_INTERVAL),
  });
}

function spanExporter(env: Environment): Outcome<SpanExporterOptions, 'options'> {
  const host = env.OTEL_EXPORTER_JAEGER_AGENT_HOST;
  const kind = env.OTEL_TRACES_EXPORTER ?? (host === undefined ? 'otlp' : 'jaeger');
  switch (kind) {
    case 'otlp': {
      const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT ?? DEFAULT_ENDPOINT;
      return success({ kind, url: env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? below(endpoint, 'v1/traces') });
    }
    case 'jaeger':
      return success({
        kind,
        host: host ?? 'localhost',
        port: Number(env.OTEL_EXPORTER_JAEGER_AGENT_PORT ?? JAEGER_PORT),
      });
    default:
      return failure('options', `OTEL_TRACES_EXPORTER: expected otlp or jaeger, got "${kind}"`);
  }
}

function metricsEndpoint(env: Environment): string | undefined {
  if (env.OTEL_METRICS_EXPORTER === 'none') return undefined;
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  return (
    env.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT ??
    (endpoint === undefined ? undefined : below(endpoint, 'v1/metrics'))
  );
}

function below(endpoint: string, path: string): string {
  return `${endpoint.replace(/\/$/, '')}/${path}`;
}

function numberOption<Name extends string>(name: Name, text: string | undefined) {
  return text === undefined ? {} : ({ [name]: Number(text) } as Record<Name, number>);
}
