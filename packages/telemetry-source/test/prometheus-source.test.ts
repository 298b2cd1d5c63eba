import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FEATURE_NAMES } from '@sage/core';
import {
  createPrometheusSource,
  DEFAULT_PROMETHEUS_FEATURES,
  type PrometheusSourceOptions,
} from '@sage/telemetry-source';
import { expect } from 'chai';

const WINDOW = { startMs: 1_700_000_000_000, endMs: 1_700_000_030_000 };

type Series = readonly [Record<string, string>, string];

function vector(...series: readonly Series[]): Response {
  const result = series.map(([metric, value]) => ({ metric, value: [1_700_000_030, value] }));
  return Response.json({ status: 'success', data: { resultType: 'vector', result } });
}

function promError(status: number, error: string): Response {
  return Response.json({ status: 'error', errorType: 'bad_data', error }, { status });
}

interface Asked {
  readonly url: string;
  readonly query: string | null;
  readonly time: string | null;
}

/** A source whose Prometheus answers each query by the given function. */
function source(
  answer: (query: string, signal: AbortSignal) => Response | Promise<Response>,
  options: Partial<PrometheusSourceOptions> = {},
) {
  const asked: Asked[] = [];
  const fetchFake = (async (url: URL, init: RequestInit) => {
    const form = new URLSearchParams(String(init.body));
    asked.push({ url: String(url), query: form.get('query'), time: form.get('time') });
    return answer(form.get('query') ?? '', init.signal as AbortSignal);
  }) as unknown as typeof fetch;
  const prometheus = createPrometheusSource({
    url: 'http://prometheus:9090',
    features: { cpu_usage_cores: 'cpu', network_probe_ms: 'probe' },
    fetch: fetchFake,
    ...options,
  });
  return { prometheus, asked };
}

const CART: Series = [{ container: 'cart' }, '0.5'];

describe('Prometheus source', () => {
  it('asks each feature at the end of the window, with its length and the label filled in', async () => {
    const { prometheus, asked } = source(() => vector([{ app: 'cart' }, '0.5']), {
      url: 'http://mimir/prometheus/',
      serviceLabel: 'app',
      features: {
        cpu_usage_cores: 'sum by ($service_label) (label_replace(rate(x[$window]), "a", "$1", "b", "(.*)"))',
      },
    });
    const read = await prometheus.read(WINDOW);
    expect(asked).to.deep.equal([
      {
        url: 'http://mimir/prometheus/api/v1/query',
        query: 'sum by (app) (label_replace(rate(x[30s]), "a", "$1", "b", "(.*)"))',
        time: '1700000030',
      },
    ]);
    expect(read).to.deep.equal({
      ok: true,
      value: [{ service: 'cart', feature: 'cpu_usage_cores', timestampMs: WINDOW.endMs, value: 0.5 }],
    });
  });

  it('tells replicas apart where the query keeps their label', async () => {
    const pods = ['cart-0', 'cart-1', ' \n', 'x'.repeat(500)];
    const { prometheus } = source(
      () => vector(...pods.map((pod): Series => [{ container: 'cart', pod }, '1'])),
      {
        features: { cpu_usage_cores: 'cpu' },
      },
    );
    const read = await prometheus.read(WINDOW);
    expect(read.ok && read.value.map(({ instance }) => instance)).to.deep.equal([
      'cart-0',
      'cart-1',
      '_',
      'x'.repeat(128),
    ]);
  });

  it('keeps the services asked for, and finite values', async () => {
    const series: Series[] = [
      CART,
      [{ container: 'rate' }, '1'],
      [{ container: 'geo' }, 'NaN'],
      [{ x: 'y' }, '3'],
    ];
    const { prometheus } = source(() => vector(...series), { services: ['cart', 'geo'] });
    const read = await prometheus.read(WINDOW);
    expect(read.ok && read.value.map(({ service, value }) => [service, value])).to.deep.equal([
      ['cart', 0.5],
      ['cart', 0.5],
    ]);
    expect(prometheus.problems()).to.deep.equal([]);
  });

  const problems: readonly (readonly [
    string,
    (signal: AbortSignal) => Response | Promise<Response>,
    string,
    RegExp,
  ])[] = [
    [
      'no series',
      () => vector(),
      'no_data',
      /network_probe_ms: no series: is the metric scraped.*query: probe/,
    ],
    [
      'only NaN',
      () => vector([{ container: 'a' }, 'NaN']),
      'no_data',
      /1 series, none of a known service and with a finite/,
    ],
    [
      'no label',
      () => vector([{ pod: 'x', job: 'y' }, '1']),
      'no_service_label',
      /no series has the label "container" \(labels: pod, job\)/,
    ],
    [
      'a bad query',
      () => promError(400, 'parse error: unexpected end'),
      'bad_query',
      /refuses the query: parse error/,
    ],
    ['a failing server', () => promError(503, 'query timed out'), 'bad_answer', /query timed out/],
    [
      'a scalar',
      () => Response.json({ status: 'success', data: { resultType: 'scalar', result: [1, '2'] } }),
      'bad_query',
      /instant vector, it gives a scalar/,
    ],
    [
      'HTML',
      () => new Response('<html>', { status: 200 }),
      'bad_answer',
      /answers 200 with "<html>", which is not JSON: is this Prometheus\?/,
    ],
    ['other JSON', () => Response.json([1]), 'bad_answer', /JSON that is no query result/],
    ['null', () => Response.json(null), 'bad_answer', /JSON that is no query result/],
    [
      'odd elements',
      () => Response.json({ status: 'success', data: { resultType: 'vector', result: [null, 3] } }),
      'no_service_label',
      /none at all/,
    ],
    [
      'no credentials',
      () => new Response('no', { status: 401 }),
      'unauthorized',
      /answers 401: the credentials are missing or not the right ones/,
    ],
    [
      'nobody there',
      () =>
        Promise.reject(
          new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 10.0.0.1:9090') }),
        ),
      'unreachable',
      /cannot reach http:\/\/prometheus:9090\/api\/v1\/query: connect ECONNREFUSED/,
    ],
    [
      'silence',
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      'timeout',
      /no answer in time/,
    ],
    [
      'an endless answer',
      () => new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(2 ** 20)) })),
      'answer_too_large',
      /larger than/,
    ],
  ];
  for (const [what, answer, reason, message] of problems) {
    it(`reports one feature's ${what}, and keeps the others`, async () => {
      const { prometheus } = source((query, signal) => (query === 'probe' ? answer(signal) : vector(CART)), {
        timeoutMs: 100,
      });
      const read = await prometheus.read(WINDOW);
      expect(read.ok && read.value).to.have.length(1);
      expect(prometheus.problems()).to.have.length(1);
      const [problem] = prometheus.problems();
      expect(problem).to.include({ feature: 'network_probe_ms', reason });
      expect(problem?.message).to.match(message);
    });
  }

  it('fails when all features fail, but not for want of data', async () => {
    const broken = source(() => Promise.reject(new Error('down')));
    expect(await broken.prometheus.read(WINDOW)).to.include({ ok: false, reason: 'unreachable' });
    expect(broken.prometheus.problems()).to.have.length(2);
    const empty = source(() => vector());
    expect(await empty.prometheus.read(WINDOW)).to.deep.equal({ ok: true, value: [] });
  });

  for (const url of ['prometheus', 'localhost:9090', 'ftp://x']) {
    it(`refuses ${url} as an address`, async () => {
      const read = await source(() => vector(), { url }).prometheus.read(WINDOW);
      expect(read).to.include({ ok: false, reason: 'bad_url' });
      expect(!read.ok && read.message)
        .to.contain(url)
        .and.to.contain('http://prometheus:9090');
    });
  }
});

describe('default PromQL templates', () => {
  const filled = Object.entries(DEFAULT_PROMETHEUS_FEATURES).map(
    ([feature, template]) =>
      [feature, template.replaceAll('$window', '30s').replaceAll('$service_label', 'container')] as const,
  );

  it('are of features that exist', () => {
    expect(FEATURE_NAMES).to.include.members(filled.map(([feature]) => feature));
  });

  it('give the right numbers on series as cAdvisor, node and blackbox exporter write them', function () {
    if (spawnSync('promtool', ['--version']).error) {
      console.log('      skipped: promtool is not installed');
      this.skip();
    }
    const own = 'container="cart",namespace="shop",pod="cart-0",instance="10.0.0.1:8080"';
    const counter = (perScrape: number) => `0+${perScrape}x30`;
    const input: Record<string, string> = {
      [`container_cpu_usage_seconds_total{${own},cpu="0"}`]: counter(2),
      [`container_cpu_usage_seconds_total{${own},cpu="1"}`]: counter(3),
      'container_cpu_usage_seconds_total{container="POD",instance="10.0.0.1:8080"}': counter(9),
      'node_cpu_seconds_total{instance="10.0.0.1:9100",mode="idle",cpu="0"}': counter(4),
      'node_cpu_seconds_total{instance="10.0.0.1:9100",mode="idle",cpu="1"}': counter(2),
      'node_cpu_seconds_total{instance="10.0.0.2:9100",mode="idle",cpu="0"}': counter(10),
      [`container_cpu_cfs_throttled_seconds_total{${own}}`]: counter(1),
      [`container_memory_working_set_bytes{${own}}`]: '1000x30',
      [`container_memory_usage_bytes{${own}}`]: '7000x30',
      [`container_memory_failures_total{${own},failure_type="pgmajfault",scope="container"}`]: counter(50),
      [`container_fs_reads_bytes_total{${own}}`]: counter(100),
      [`container_fs_writes_bytes_total{${own}}`]: counter(200),
      'node_disk_io_time_seconds_total{instance="10.0.0.1:9100",device="sda"}': counter(2),
      'container_network_receive_bytes_total{namespace="shop",pod="cart-0",interface="eth0"}': counter(700),
      'container_network_transmit_bytes_total{container="cart"}': counter(300),
      'probe_duration_seconds{container="cart"}': '0.03x30',
      'probe_success{container="cart"}': '1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0',
    };
    const onSecond = 'container="cart",namespace="shop",pod="cart-1",instance="10.0.0.2:8080"';
    Object.assign(input, {
      [`container_cpu_usage_seconds_total{${onSecond},cpu="0"}`]: counter(1),
      [`container_memory_working_set_bytes{${onSecond}}`]: '4000x30',
      'container_network_receive_bytes_total{namespace="shop",pod="cart-1",interface="eth0"}': counter(900),
    });
    const second: Record<string, number> = {
      cpu_usage_cores: 0.1,
      cpu_host_busy_ratio: 0,
      memory_working_set_bytes: 4000,
      network_receive_bytes_per_second: 90,
    };
    const ofService = ['network_transmit_bytes_per_second', 'network_probe_ms'];
    const expected: Record<string, number> = {
      cpu_usage_cores: 0.5,
      cpu_host_busy_ratio: 0.7,
      cpu_throttled_ratio: 0.1,
      memory_working_set_bytes: 1000,
      memory_major_faults_per_second: 5,
      disk_io_bytes_per_second: 30,
      disk_wait_ratio: 0.2,
      network_receive_bytes_per_second: 70,
      network_transmit_bytes_per_second: 30,
      network_probe_ms: 30,
    };
    const folder = mkdtempSync(join(tmpdir(), 'sage-promql-'));
    try {
      // Rounded, as promtool compares exactly.
      const rules = filled.map(([feature, expr]) => ({
        record: `test:${feature}`,
        expr: `round(${expr}, 1e-6)`,
      }));
      writeFileSync(join(folder, 'rules.json'), JSON.stringify({ groups: [{ name: 'test', rules }] }));
      const tests = {
        rule_files: ['rules.json'],
        evaluation_interval: '10s',
        tests: [
          {
            interval: '10s',
            input_series: Object.entries(input).map(([series, values]) => ({ series, values })),
            promql_expr_test: Object.entries(expected).map(([feature, value]) => ({
              expr: `round(test:${feature}, 1e-6)`,
              eval_time: '3m',
              exp_samples: ofService.includes(feature)
                ? [{ labels: '{container="cart"}', value }]
                : [
                    { labels: '{container="cart",pod="cart-0"}', value },
                    ...(second[feature] === undefined
                      ? []
                      : [{ labels: '{container="cart",pod="cart-1"}', value: second[feature] }]),
                  ],
            })),
          },
        ],
      };
      writeFileSync(join(folder, 'tests.json'), JSON.stringify(tests));
      execFileSync('promtool', ['test', 'rules', join(folder, 'tests.json')], { stdio: 'pipe' });
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer };
      throw new Error(`${stdout}${stderr}${error}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
