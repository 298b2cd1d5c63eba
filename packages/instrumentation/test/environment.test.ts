import { expect } from 'chai';
import { optionsFromEnvironment } from '../src/environment.js';
import { requestName } from '../src/request-name.js';

const NAME = { OTEL_SERVICE_NAME: 'rate' };

describe('options from the environment', () => {
  const otlp = (url: string) => ({ exporter: { kind: 'otlp', url } });
  const jaeger = (host: string, port: number) => ({ exporter: { kind: 'jaeger', host, port } });
  const base = 'http://sage:4318';
  const good: [string, Record<string, string>, object][] = [
    ['only a name', {}, otlp('http://localhost:4318/v1/traces')],
    [
      'one endpoint for both',
      { OTEL_EXPORTER_OTLP_ENDPOINT: `${base}/` },
      { ...otlp(`${base}/v1/traces`), metricsUrl: `${base}/v1/metrics` },
    ],
    [
      'endpoints of their own',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${base}/t`, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${base}/m` },
      { ...otlp(`${base}/t`), metricsUrl: `${base}/m` },
    ],
    [
      'no metrics',
      { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_METRICS_EXPORTER: 'none' },
      otlp(`${base}/v1/traces`),
    ],
    ['an agent', { OTEL_EXPORTER_JAEGER_AGENT_HOST: 'agent' }, jaeger('agent', 6831)],
    [
      'Jaeger by name, on a port',
      { OTEL_TRACES_EXPORTER: 'jaeger', OTEL_EXPORTER_JAEGER_AGENT_PORT: '7000' },
      jaeger('localhost', 7000),
    ],
    [
      'OTLP although there is an agent',
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_JAEGER_AGENT_HOST: 'agent' },
      otlp('http://localhost:4318/v1/traces'),
    ],
    [
      'numbers and the replica',
      {
        OTEL_TRACES_SAMPLER_ARG: '0.25',
        OTEL_METRIC_EXPORT_INTERVAL: '500',
        OTEL_RESOURCE_ATTRIBUTES: 'zone=a,service.instance.id=rate-2,x=y',
      },
      {
        ...otlp('http://localhost:4318/v1/traces'),
        samplingRatio: 0.25,
        metricsIntervalMs: 500,
        instance: 'rate-2',
      },
    ],
  ];
  for (const [what, env, expected] of good) {
    it(what, () => {
      expect(optionsFromEnvironment({ ...NAME, ...env })).to.deep.equal({
        ok: true,
        value: { serviceName: 'rate', ...expected },
      });
    });
  }

  const bad: [string, Record<string, string | undefined>, string][] = [
    ['no name', { OTEL_SERVICE_NAME: undefined }, 'OTEL_SERVICE_NAME: expected the name'],
    ['an exporter that is none', { OTEL_TRACES_EXPORTER: 'zipkin' }, 'expected otlp or jaeger, got "zipkin"'],
    [
      'an endpoint that is none',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'sage:4318' },
      'expected an http or https URL',
    ],
    [
      'a port that is none',
      { OTEL_EXPORTER_JAEGER_AGENT_HOST: 'a', OTEL_EXPORTER_JAEGER_AGENT_PORT: 'x' },
      'expected a port from 1 to 65535',
    ],
    ['a share above 1', { OTEL_TRACES_SAMPLER_ARG: '2' }, 'expected 0..1, got 2'],
  ];
  for (const [what, env, message] of bad) {
    it(`refuse ${what}`, () => {
      const options = optionsFromEnvironment({ ...NAME, ...env });
      expect(options.ok ? '' : options.message).to.include(message);
    });
  }
});

describe('the name of a request', () => {
  for (const [method, target, name] of [
    ['GET', '/', 'HTTP GET /'],
    ['GET', '/hotels?lat=1&lon=2', 'HTTP GET /hotels'],
    ['POST', '/hotels/17/rooms', 'HTTP POST /hotels/{id}/rooms'],
    ['GET', '/users/0b4b8a36-9b0f-4b3c-8f5e-0123456789ab', 'HTTP GET /users/{id}'],
    ['GET', '/blobs/deadbeef00', 'HTTP GET /blobs/{id}'],
    ['GET', '/v2/facade', 'HTTP GET /v2/facade'],
    ['OPTIONS', '*', 'HTTP OPTIONS *'],
  ] as const) {
    it(`${method} ${target}`, () => {
      expect(requestName(method, target)).to.equal(name);
    });
  }
});
