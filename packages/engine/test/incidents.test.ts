import type { ActionPlan } from '@sage/core';
import { expect } from 'chai';
import { type FakeGrafana, post, type Rig, rigsOfEachTest, startGrafana, until, webhook } from './support.js';

const BAD = 220;
const GOOD = 40;

describe('an incident', () => {
  const startRig = rigsOfEachTest();
  let rig: Rig;
  let grafana: FakeGrafana;
  const metrics = async () => (await fetch(rig.url('/metrics'))).text();
  const types = () =>
    rig.events.map(({ type }) => type).filter((type) => /incident|diagnosed|action/.test(type));
  const run = async (from: number, to: number, p99Ms: number) => {
    for (let index = from; index < to; index++) await rig.window(index, p99Ms);
  };
  const alert = (status: 'firing' | 'resolved') =>
    post(rig.url('/api/v1/alerts'), webhook({ status, fingerprint: 'x' }));

  beforeEach(async () => {
    grafana = await startGrafana();
    rig = await startRig({ extra: { grafana: { url: grafana.url, dashboard_uid: 'd' } } });
    await run(0, 22, GOOD);
  });
  afterEach(() => grafana.close());

  it('is opened, diagnosed when the window lies mostly in it, published, and closed', async () => {
    expect(rig.engine.state().status).to.equal('watching');
    await run(22, 24, BAD);
    expect(types()).to.deep.equal(['incident-opened']);
    await rig.window(24, BAD);
    expect(types()).to.deep.equal(['incident-opened', 'diagnosed']);
    expect(await metrics()).to.include('sage_root_cause{qos="front",service="cart",resource="cpu"} 0.97');
    expect(rig.engine.state().graph.services.find(({ name }) => name === 'cart')).to.deep.include({
      state: 'culprit',
      resource: 'cpu',
    });
    await until(() => grafana.posts.length === 1);
    const [{ id } = { id: '' }] = rig.engine.state().incidents;
    expect(grafana.posts[0]).to.deep.include({
      dashboardUID: 'd',
      tags: ['sage', 'qos:front', 'service:cart', 'resource:cpu', `incident:${id}`],
    });

    await run(25, 27, GOOD);
    expect(types()).to.deep.equal(['incident-opened', 'diagnosed', 'incident-closed']);
    await until(() => grafana.patches.length === 1);
    expect(grafana.patches[0]).to.deep.include({ url: '/api/annotations/1', timeEnd: rig.clock.now() });
    expect(await metrics()).not.to.include('sage_root_cause{');
    expect(rig.diagnoses()).to.equal(1);
  });

  it('of two sources is one, and ends when both say so', async () => {
    await run(22, 25, BAD);
    await alert('firing');
    await until(() => rig.engine.state().incidents[0]?.sources.length === 2);
    await run(25, 28, GOOD);
    expect(rig.engine.state().incidents.map(({ status }) => status)).to.deep.equal(['open']);
    await alert('resolved');
    await until(() => rig.engine.state().incidents[0]?.status === 'closed');
    expect(rig.engine.state().incidents).to.have.length(1);
  });

  it('posts one annotation though Grafana fails after taking it', async () => {
    grafana.failAfterwards = 1;
    await run(22, 25, BAD);
    await until(() => grafana.patches.length === 1);
    expect(grafana.posts).to.have.length(1);
    expect(await metrics()).to.match(/sage_annotation_failures_total 1\n/);
  });

  it('leaves windows inside it out of what is normal', async () => {
    const seen: number[] = [];
    const other = await startRig({
      parts: {
        diagnose: ({ history, objective, window }) => {
          seen.push(history.length);
          return {
            objective: objective.name,
            verdict: 'undetermined',
            windowStartMs: window.startMs,
            windowEndMs: window.endMs,
            observedMs: BAD,
            thresholdMs: objective.thresholdMs,
            culprits: [],
            services: [],
            resources: [],
            victims: [],
            reason: 'It cannot be told.',
          };
        },
      },
    });
    for (let index = 0; index < 22; index++) await other.window(index, GOOD);
    for (let index = 22; index < 30; index++) await other.window(index, BAD);
    // Two windows of the violation came before it was opened; three diagnoses at most.
    expect(seen).to.deep.equal([24, 24, 24]);
  });

  it('without a model is undetermined, and diagnosed when there is one', async () => {
    const early = await startRig();
    await early.window(0, BAD);
    await early.window(1, BAD);
    expect(early.engine.state().incidents[0]?.diagnosis).to.deep.include({ verdict: 'undetermined' });
    expect(early.engine.state().incidents[0]?.diagnosis?.reason).to.match(/no model yet/);
    for (let index = 2; index < 23; index++) await early.window(index, BAD);
    expect(early.engine.state().incidents[0]?.diagnosis?.verdict).to.equal('culprits');
  });
});

describe('acting', () => {
  const startRig = rigsOfEachTest();
  const plan: ActionPlan = {
    objective: 'front',
    service: 'cart',
    resource: 'cpu',
    actions: [{ node: 'n1', action: { kind: 'cpu-quota', target: 'cart', cores: 1 }, reason: 'throttled' }],
    recommendations: [],
  };
  const calls = async (mode: string) => {
    const made: string[] = [];
    const agent: typeof fetch = async (input, init) => {
      const method = init?.method ?? 'GET';
      const path = new URL(String(input)).pathname;
      if (method !== 'GET') made.push(`${method} ${path}`);
      if (method === 'GET') return Response.json([]);
      const body =
        method === 'POST' ? JSON.parse(String(init?.body)) : { id: 'x', action: plan.actions[0]?.action };
      return Response.json({
        ...body,
        status: method === 'POST' ? 'applied' : 'released',
        message: '',
        writes: [],
      });
    };
    const rig = await startRig({
      extra: { actuation: { mode }, node_agents: [{ name: 'n1', url: 'http://127.0.0.1:1' }] },
      deps: { fetch: agent },
      parts: { plan: () => plan },
    });
    for (let index = 0; index < 22; index++) await rig.window(index, GOOD);
    for (let index = 22; index < 26; index++) await rig.window(index, BAD);
    for (let index = 26; index < 60; index++) await rig.window(index, GOOD);
    const [incident] = rig.engine.state().incidents;
    await rig.engine.close();
    return {
      made: made.map((call) => call.replace(/[0-9a-f]{16}/, 'ID').replace(/[0-9a-f]{12}$/, 'HASH')),
      incident,
    };
  };

  for (const [mode, made, plans] of [
    ['observe', [], 0],
    ['recommend', [], 1],
    ['act', ['POST /api/v1/actions', 'DELETE /api/v1/actions/ID-1-cpu-quota-HASH'], 1],
  ] as const) {
    it(`${mode}: ${made.length} requests, ${plans} plans`, async () => {
      const seen = await calls(mode);
      expect(seen.made).to.deep.equal([...made]);
      expect(seen.incident?.actions).to.have.length(plans);
    });
  }
});
