import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createLogger, failure, ManualClock, silentLogger } from '@sage/core';
import { expect } from 'chai';
import { startEngine } from '../src/engine.js';
import { configOf, fakeParts, post, type Rig, startRig, tempDir } from './support.js';

describe('the HTTP API', () => {
  let rig: Rig;
  let next: ReturnType<typeof configOf> | undefined;
  const socketPath = join(tempDir(), 'sage.sock');
  before(async () => {
    const readConfig = () =>
      next === undefined
        ? failure('invalid', 'objectives: expected a list, got nothing')
        : { ok: true as const, value: next };
    const silentSource = { name: 'prometheus', read: () => new Promise<never>(() => {}) };
    rig = await startRig({
      deps: { readConfig, serveOn: socketPath },
      parts: { prometheus: () => silentSource },
    });
  });
  after(() => rig.engine.close());
  const json = async (response: Response | Promise<Response>) =>
    (await (await response).json()) as Record<string, unknown>;
  const metrics = async () => (await fetch(rig.url('/metrics'))).text();

  it('counts from 0, and says nothing of what is not known yet', async () => {
    const text = await metrics();
    for (const name of [
      'sage_qos_violation',
      'sage_qos_latency_seconds',
      'sage_model_trained_timestamp_seconds',
      'sage_model_r2',
      'sage_model_foretold_r2',
      'sage_model_checked_timestamp_seconds',
      'sage_last_window_timestamp_seconds',
    ]) {
      expect(text).to.match(new RegExp(`^# TYPE ${name} gauge$`, 'm'));
      expect(text).not.to.match(new RegExp(`^${name}[ {]`, 'm'));
    }
    for (const line of [
      'sage_diagnoses_total{verdict="undetermined"} 0',
      'sage_actions_total{action="cpu-quota",outcome="applied"} 0',
      'sage_trainings_total{outcome="failed"} 0',
      'sage_source_errors_total{source="prometheus"} 0',
      'sage_alerts_received_total{outcome="accepted"} 0',
      'sage_windows_total 0',
    ]) {
      expect(text).to.include(`${line}\n`);
    }
  });

  it('is ready once there is a model', async () => {
    const before = await fetch(rig.url('/-/ready'));
    expect(before.status).to.equal(503);
    expect(await json(before)).to.deep.equal({
      error: 'there is no model yet: 0 of 20 windows with traffic collected',
    });
    expect((await fetch(rig.url('/-/healthy'))).status).to.equal(200);
    expect(
      (await post(rig.url('/api/v1/what-if'), { objective: 'front', restore: [{ service: 'cart' }] })).status,
    ).to.equal(409);
    for (let index = 0; index <= 20; index++) await rig.window(index, 40 + index);
    expect((await fetch(rig.url('/-/ready'))).status).to.equal(200);
  });

  it('shows the state', async () => {
    const state = await json(fetch(rig.url('/api/v1/state')));
    expect(Object.keys(state)).to.deep.equal([
      'status',
      'windows',
      'training',
      'model',
      'objectives',
      'series',
      'graph',
      'incidents',
    ]);
    expect(state).to.deep.include({
      status: 'watching',
      windows: { collected: 21, needed: 20 },
      training: null,
      objectives: [
        {
          name: 'front',
          service: 'front',
          operation: 'GET /',
          percentile: 'p99',
          thresholdMs: 100,
          observedMs: 60,
          broken: false,
          unseen: null,
        },
      ],
    });
    expect((state.series as { front: unknown[] }).front[0]).to.deep.equal({
      t: 1_700_000_030_000,
      observedMs: 40,
      thresholdMs: 100,
      requestsPerSecond: 10,
    });
    expect(state.graph).to.deep.equal({
      services: [
        { name: 'cart', p99Ms: null, normalMs: null, requestsPerSecond: 0, state: 'ok', resource: null },
        { name: 'front', p99Ms: 60, normalMs: 50, requestsPerSecond: 10, state: 'ok', resource: null },
      ],
      edges: [{ from: 'front', to: 'cart' }],
    });
  });

  const questions: [string, unknown, number, RegExp][] = [
    [
      'a question',
      { objective: 'front', restore: [{ service: 'cart', resource: 'cpu' }] },
      200,
      /"counterfactualMs":50,"probability":0.75/,
    ],
    [
      'an unknown objective',
      { objective: 'x', restore: [{ service: 'cart' }] },
      400,
      /expected one of front, got x/,
    ],
    [
      'an unknown service',
      { objective: 'front', restore: [{ service: 'x' }] },
      400,
      /expected one of cart, front, got x/,
    ],
    [
      'an unknown resource',
      { objective: 'front', restore: [{ service: 'cart', resource: 'luck' }] },
      400,
      /restore\[0\]\.resource/,
    ],
    ['nothing to restore', { objective: 'front', restore: [] }, 400, /restore/],
    ['malformed JSON', '{', 400, /JSON/],
  ];
  for (const [name, body, status, text] of questions) {
    it(`what-if: ${status} to ${name}`, async () => {
      const response = await post(rig.url('/api/v1/what-if'), body);
      expect(response.status).to.equal(status);
      expect(await response.text()).to.match(text);
    });
  }

  it('publishes every metric of the contract', async () => {
    const text = await metrics();
    for (const name of [
      'sage_root_cause',
      'sage_root_cause_effect_seconds',
      'sage_qos_violation',
      'sage_qos_objective_seconds',
      'sage_qos_latency_seconds',
      'sage_diagnosis_duration_seconds',
      'sage_diagnoses_total',
      'sage_actions_total',
      'sage_model_r2',
      'sage_model_foretold_r2',
      'sage_model_checked_timestamp_seconds',
      'sage_model_trained_timestamp_seconds',
      'sage_spans_received_total',
      'sage_spans_dropped_total',
      'sage_build_info',
      'sage_alerts_received_total',
      'sage_config_last_reload_successful',
      'sage_windows_total',
      'sage_last_window_timestamp_seconds',
      'sage_source_errors_total',
    ]) {
      expect(text).to.include(`# TYPE ${name} `);
    }
    for (const line of [
      'sage_qos_objective_seconds{qos="front",service="front",operation="GET /",quantile="0.99"} 0.1',
      'sage_qos_latency_seconds{qos="front"} 0.06',
      'sage_qos_violation{qos="front"} 0',
      'sage_model_r2{service="cart"} 0.95',
      'sage_model_foretold_r2{service="cart"} 0.4',
      'sage_model_checked_timestamp_seconds 1700000220',
      'sage_spans_received_total 7',
      'sage_spans_dropped_total{reason="late"} 2',
      'sage_windows_total 21',
      'sage_last_window_timestamp_seconds 1700000230',
      'sage_model_trained_timestamp_seconds 1700000220',
    ]) {
      expect(text).to.include(`${line}\n`);
    }
  });

  it('says nothing of an objective in a window without its requests', async () => {
    await rig.idle(21);
    expect(await metrics()).not.to.match(/^sage_qos_(violation|latency_seconds)\{/m);
  });

  it('tells once, in the log and in the state, of an objective that nobody asks for', async () => {
    const lines: string[] = [];
    const logger = createLogger(
      (line) => lines.push(line),
      () => 0,
    );
    const named = (name: string, service: string, operation: string) => ({
      name,
      service,
      operation,
      threshold_ms: 100,
    });
    const extra = { objectives: [named('right', 'front', 'GET /'), named('wrong', 'fornt', 'GET /')] };
    const misnamed = await startRig({ extra, deps: { logger } });
    const unseen = () => misnamed.engine.state().objectives.map((objective) => objective.unseen);
    for (let index = 0; index < 9; index++) await misnamed.window(index, 40);
    await misnamed.idle(9);
    expect(unseen()).to.deep.equal([null, null]);
    for (let index = 10; index < 13; index++) await misnamed.window(index, 40);
    const told = lines.filter((line) => line.includes('watches nothing'));
    expect(unseen()[1]).to.match(/^no request of "GET \/" at fornt .* did you mean "GET \/" at front\?$/);
    await misnamed.engine.close();
    expect(unseen()[0]).to.equal(null);
    expect(told).to.have.length(1);
    expect(told[0]).to.match(/qos=wrong .*10 windows with traffic; did you mean/);
  });

  it('keeps the old configuration when the new one is bad', async () => {
    const refused = await post(rig.url('/-/reload'), {});
    expect(refused.status).to.equal(400);
    expect(await json(refused)).to.deep.equal({ error: 'objectives: expected a list, got nothing' });
    expect(await metrics()).to.include('sage_config_last_reload_successful 0\n');
    expect(rig.engine.state().objectives[0]?.thresholdMs).to.equal(100);

    next = configOf(rig.config.dataDir, { listen: '127.0.0.1:1' });
    expect(await json(post(rig.url('/-/reload'), {}))).to.deep.equal({
      error: 'listen changed: restart Sage for that to take effect',
    });
    next = configOf(rig.config.dataDir, {
      objectives: [{ name: 'front', service: 'front', operation: 'GET /', threshold_ms: 30 }],
    });
    expect((await post(rig.url('/-/reload'), {})).status).to.equal(200);
    expect(await metrics()).to.include('sage_config_last_reload_successful 1\n');
    expect(rig.engine.state().objectives[0]?.thresholdMs).to.equal(30);
  });

  it('answers what is not there with an error in JSON', async () => {
    expect(await json(fetch(rig.url('/nothing')))).to.deep.equal({ error: 'there is nothing at /nothing' });
    expect(await json(fetch(rig.url('/api/v1/incidents/x')))).to.deep.equal({
      error: 'there is no incident x',
    });
    expect(await (await fetch(rig.url('/api/v1/incidents'))).json()).to.deep.equal([]);
  });

  it('serves the same on a Unix socket', (done) => {
    const socket = connect(socketPath, () => socket.write('GET /-/healthy HTTP/1.0\r\n\r\n'));
    let text = '';
    socket
      .on('data', (chunk) => (text += chunk))
      .on('end', () => {
        expect(text).to.match(/^HTTP\/1.1 200/);
        done();
      });
  });

  it('names the address that is in use and the setting', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    let closed = false;
    const parts = fakeParts({
      startCollector: async () => ({
        ok: true,
        value: {
          endpoints: {},
          callGraph: () => ({ services: [], rpcs: [], edges: [] }),
          addSamples: () => {},
          stats: () => ({ spansReceived: 0, spansDropped: {} }),
          close: async () => {
            closed = true;
          },
        },
      }),
    });
    const config = configOf(tempDir(), { listen: `127.0.0.1:${port}` });
    const started = await startEngine(config, {
      clock: new ManualClock(),
      logger: silentLogger,
      fetch,
      parts,
    });
    other.close();
    expect(started.ok ? '' : started.message).to.match(new RegExp(`127.0.0.1:${port} is in use.*\`listen\``));
    expect(closed).to.equal(true);
  });
});
