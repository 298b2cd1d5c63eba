import { failure, type Outcome, success } from '@sage/core';

/** Where spans go: OTLP over HTTP (protobuf) or a Jaeger agent over UDP. */
export type SpanExporterOptions =
  | { readonly kind: 'otlp'; readonly url: string }
  | { readonly kind: 'jaeger'; readonly host: string; readonly port: number };

export interface InstrumentationOptions {
  /** `service.name` of every span and metric. */
  readonly serviceName: string;
  /** `service.instance.id`: which replica this is. Default: the service's name. */
  readonly instance?: string;
  readonly exporter: SpanExporterOptions;
  /** OTLP/HTTP endpoint for metrics, as `http://host:4318/v1/metrics`. Left out: no metrics are sent. */
  readonly metricsUrl?: string;
  /** Share of root requests whose traces are kept, 0..1; callees follow their caller's decision. Default 1. */
  readonly samplingRatio?: number;
  /** Default 1000. */
  readonly metricsIntervalMs?: number;
}

/** Every mistake of the options in one message, each with what was found and what would be right. */
export function checkOptions(options: InstrumentationOptions): Outcome<InstrumentationOptions, 'options'> {
  const errors: string[] = [];
  if (typeof options.serviceName !== 'string' || options.serviceName.trim() === '') {
    errors.push(`serviceName: expected a name, got ${JSON.stringify(options.serviceName)}`);
  }
  errors.push(...checkExporter(options.exporter));
  if (options.metricsUrl !== undefined) errors.push(...checkUrl('metricsUrl', options.metricsUrl));
  const ratio = options.samplingRatio ?? 1;
  if (!(ratio >= 0 && ratio <= 1)) errors.push(`samplingRatio: expected 0..1, got ${ratio}`);
  const interval = options.metricsIntervalMs ?? 1000;
  if (!(interval >= 100)) errors.push(`metricsIntervalMs: expected at least 100, got ${interval}`);
  return errors.length === 0 ? success(options) : failure('options', errors.join('; '));
}

function checkExporter(exporter: SpanExporterOptions): string[] {
  switch (exporter?.kind) {
    case 'otlp':
      return checkUrl('exporter.url', exporter.url);
    case 'jaeger': {
      const errors: string[] = [];
      if (typeof exporter.host !== 'string' || exporter.host === '') {
        errors.push(`exporter.host: expected a host name or address, got ${JSON.stringify(exporter.host)}`);
      }
      if (!Number.isInteger(exporter.port) || exporter.port < 1 || exporter.port > 65_535) {
        errors.push(`exporter.port: expected a port from 1 to 65535, got ${exporter.port}`);
      }
      return errors;
    }
    default:
      return [`exporter.kind: expected "otlp" or "jaeger", got ${JSON.stringify(exporter)}`];
  }
}

function checkUrl(path: string, url: string): string[] {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined;
  return protocol === 'http:' || protocol === 'https:'
    ? []
    : [`${path}: expected an http or https URL, got ${JSON.stringify(url)}`];
}
