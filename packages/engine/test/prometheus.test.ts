import { createLogger, type FeatureName, ManualClock } from '@sage/core';
import { expect } from 'chai';
import type { PrometheusConfig } from '../src/config/config.js';
import { probePrometheus, prometheusMetrics } from '../src/sources/prometheus.js';
import { configOf, tempDir } from './support.js';

interface Asked {
  readonly query: string;
  readonly headers: Headers;
}

function prometheusConfig(extra: Record<string, unknown>): PrometheusConfig {
  const { prometheus } = configOf(tempDir(), { prometheus: { url: 'http://p:9090/', ...extra } });
  if (prometheus === undefined) throw new Error('the configuration names a Prometheus');
  return prometheus;
}

/** A Prometheus that knows these services for queries that match, and nothing for the others. */
function prometheus(known: RegExp, services: readonly string[]) {
  const asked: Asked[] = [];
  const fetch = (async (_url: URL, init: RequestInit) => {
    const query = new URLSearchParams(String(init.body)).get('query') ?? '';
    asked.push({ query, headers: new Headers(init.headers) });
    if (query === 'broken') return Response.json({ status: 'error', error: 'parse error' }, { status: 400 });
    const names = known.test(query) ? services : [];
    const result = names.map((container) => ({ metric: { container }, value: [0, '1'] }));
    return Response.json({ status: 'success', data: { resultType: 'vector', result } });
  }) as unknown as typeof globalThis.fetch;
  return { asked, fetch };
}

describe('Prometheus as configured', () => {
  const ways: [string, Record<string, unknown>, string, string | null][] = [
    ['nothing', {}, 'authorization', null],
    ['a token', { token_file: 'token' }, 'authorization', 'Bearer secret'],
    [
      'user and password',
      { basic_auth: { username: 'me', password_file: 'token' } },
      'authorization',
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
    ],
    ['a header', { headers: { 'X-Scope-OrgID': 'shop' } }, 'x-scope-orgid', 'shop'],
  ];
  for (const [name, extra, header, expected] of ways) {
    it(`is asked with ${name}`, async () => {
      const { asked, fetch } = prometheus(/./, ['cart']);
      const source = prometheusMetrics(prometheusConfig(extra), {
        fetch,
        logger: createLogger(
          () => {},
          () => 0,
        ),
      });
      expect(await source.read(1_000_000)).to.include({ ok: true });
      expect(new Set(asked.map(({ headers }) => headers.get(header)))).to.deep.equal(new Set([expected]));
    });
  }

  it('is asked over the range, however short the window', async () => {
    const { asked, fetch } = prometheus(/./, ['cart']);
    const features = { cpu_usage_cores: 'rate(x[$window])' };
    for (const extra of [{ features }, { features, range_seconds: 300 }]) {
      await probePrometheus(prometheusConfig(extra), { fetch, clock: new ManualClock(0) });
    }
    const queries = asked.map(({ query }) => query).filter((query) => query.startsWith('rate(x'));
    expect(queries).to.deep.equal(['rate(x[120s])', 'rate(x[300s])']);
  });

  it('tells of a feature without readings once', async () => {
    const lines: string[] = [];
    const logger = createLogger(
      (line) => lines.push(line),
      () => 0,
    );
    const { fetch } = prometheus(/^(?!broken)/, ['cart']);
    const config = prometheusConfig({ features: { llc_misses_per_second: 'broken' } });
    const source = prometheusMetrics(config, { fetch, logger });
    await source.read(0);
    await source.read(0);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/feature=llc_misses_per_second .*parse error/);
  });

  it('says what each feature gives', async () => {
    const { fetch } = prometheus(/container_cpu_usage/, ['cart', 'geo']);
    const config = prometheusConfig({ features: { llc_misses_per_second: 'broken' } });
    const probed = await probePrometheus(config, { fetch, clock: new ManualClock(0) });
    if (!probed.ok) throw new Error(probed.message);
    const of = (name: FeatureName) => probed.value.find(({ feature }) => feature === name);
    expect(of('cpu_usage_cores')).to.deep.equal({
      feature: 'cpu_usage_cores',
      series: 2,
      problem: undefined,
    });
    expect(of('memory_working_set_bytes')?.problem).to.include({ noData: true });
    expect(of('llc_misses_per_second')?.problem).to.include({ noData: false });
  });

  it('says why nothing is answered', async () => {
    const fetch = (() => Promise.reject(new Error('connect ECONNREFUSED'))) as typeof globalThis.fetch;
    const probed = await probePrometheus(prometheusConfig({}), { fetch, clock: new ManualClock(0) });
    expect(probed.ok ? '' : probed.message).to.match(/cannot reach http:\/\/p:9090.*ECONNREFUSED/);
  });
});
