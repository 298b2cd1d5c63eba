import type { ActionPlan } from '@sage/core';
import { expect } from 'chai';
import {
  configOf,
  type FakeGrafana,
  post,
  type Rig,
  rigsOfEachTest,
  settled,
  startGrafana,
  tempDir,
  until,
  webhook,
} from './support.js';

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
    for (let index = 22; index < 33; index++) await other.window(index, BAD);
    // Two windows of the violation came before it was opened. Three diagnoses, of windows 24 to 26, and one of each whole
    // window after them, 29 and 32.
    expect(seen).to.deep.equal([24, 24, 24, 24, 24]);
    const texts = other.engine.state().incidents[0]?.timeline.map(({ text }) => text) ?? [];
    expect(texts.filter((text) => text.includes('could not be determined'))).to.have.length(3);
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

describe('an incident of Alertmanager', () => {
  const startRig = rigsOfEachTest();
  const quiet = { trigger: { collector: false } };
  const renamed = {
    objectives: [{ name: 'search', service: 'front', operation: 'GET /', threshold_ms: 100 }],
  };
  const statuses = (rig: Rig) => rig.engine.state().incidents.map(({ status }) => status);
  const lastLine = (rig: Rig) => rig.engine.state().incidents[0]?.timeline.at(-1)?.text;
  const send = async (rig: Rig, status: 'firing' | 'resolved') => {
    const answer = await post(rig.url('/api/v1/alerts'), webhook({ status, fingerprint: 'x' }));
    await settled();
    return ((await answer.json()) as { status: string }).status;
  };

  it('comes again when its alert does, with the same start; a duplicate changes nothing, also after a restart', async () => {
    const dataDir = tempDir();
    const first = await startRig({ dataDir });
    const answers: string[] = [];
    for (const status of ['firing', 'firing', 'resolved', 'resolved', 'firing', 'firing'] as const) {
      answers.push(await send(first, status));
    }
    expect(answers).to.deep.equal([
      'accepted',
      'duplicate',
      'accepted',
      'duplicate',
      'accepted',
      'duplicate',
    ]);
    expect(statuses(first)).to.deep.equal(['open', 'closed']);
    const ids = first.engine.state().incidents.map(({ id }) => id);
    expect(new Set(ids)).to.have.length(2);
    await first.engine.close();

    const second = await startRig({ dataDir });
    expect(await send(second, 'firing')).to.equal('duplicate');
    expect(second.engine.state().incidents.map(({ id }) => id)).to.deep.equal(ids);
    expect(await send(second, 'resolved')).to.equal('accepted');
    expect(statuses(second)).to.deep.equal(['closed', 'closed']);
  });

  it('is closed by its resolved alert, by whatever name the objective goes', async () => {
    const rig = await startRig();
    await send(rig, 'firing');
    await post(
      rig.url('/api/v1/alerts'),
      webhook({ status: 'resolved', fingerprint: 'x', qos: 'another name' }),
    );
    await until(() => statuses(rig)[0] === 'closed');
    expect(lastLine(rig)).to.equal('closed');
  });

  it('is closed by a reload that takes its objective away', async () => {
    const rig = await startRig();
    await send(rig, 'firing');
    expect(rig.engine.reload(configOf(rig.config.dataDir, renamed)).ok).to.equal(true);
    await settled();
    expect(statuses(rig)).to.deep.equal(['closed']);
    expect(lastLine(rig)).to.equal('closed: the configuration has no objective front any more');
    await rig.engine.close();
  });

  it('is closed by a start without its objective', async () => {
    const first = await startRig();
    await send(first, 'firing');
    await first.engine.close();
    const second = await startRig({ dataDir: first.config.dataDir, extra: renamed });
    await settled();
    expect(statuses(second)).to.deep.equal(['closed']);
  });

  it('is closed when the objective has been seen to hold for an hour since the last news', async () => {
    const rig = await startRig({ extra: quiet });
    await rig.window(0, BAD);
    await send(rig, 'firing');
    // An hour is 120 windows of 30 s.
    for (let index = 1; index < 120; index++) await rig.window(3 * index, GOOD);
    expect(statuses(rig)).to.deep.equal(['open']);
    await rig.window(3 * 120, GOOD);
    expect(statuses(rig)).to.deep.equal(['closed']);
    expect(lastLine(rig)).to.equal('closed: no news from Alertmanager; the objective holds');
  });

  it('gets its annotation after a reload that cures the token', async () => {
    const grafana = await startGrafana();
    grafana.locked = true;
    const rig = await startRig({ extra: { grafana: { url: grafana.url } } });
    await rig.window(0, BAD);
    await rig.window(1, BAD);
    const failures = async () => (await fetch(rig.url('/metrics'))).text();
    while (!(await failures()).includes('sage_annotation_failures_total 1')) await settled();
    grafana.locked = false;
    rig.engine.reload(rig.config);
    await until(() => grafana.posts.length === 1);
    await rig.engine.close();
    await grafana.close();
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
    // The second renews the lease.
    [
      'act',
      ['POST /api/v1/actions', 'POST /api/v1/actions', 'DELETE /api/v1/actions/ID-1-cpu-quota-HASH'],
      1,
    ],
  ] as const) {
    it(`${mode}: ${made.length} requests, ${plans} plans`, async () => {
      const seen = await calls(mode);
      expect(seen.made).to.deep.equal([...made]);
      expect(seen.incident?.actions).to.have.length(plans);
    });
  }

  describe('step by step', () => {
    let requests: string[];
    /** As the keeper of a node agent: one id is one action for good. */
    const keeper = (): typeof fetch => {
      const known = new Map<string, { readonly action: string; status: string }>();
      return async (input, init) => {
        if ((init?.method ?? 'GET') === 'GET') return Response.json([]);
        const released = decodeURIComponent(new URL(String(input)).pathname.split('/').at(-1) ?? '');
        const { id, action } =
          init?.method === 'POST'
            ? JSON.parse(String(init.body))
            : { id: released, action: JSON.parse(known.get(released)?.action ?? '{}') };
        const text = JSON.stringify(action);
        const before = known.get(id);
        if (before !== undefined && before.action !== text) {
          return Response.json({ error: 'used for another action' }, { status: 409 });
        }
        const status = init?.method === 'DELETE' ? 'released' : (before?.status ?? 'applied');
        known.set(id, { action: text, status });
        requests.push(`${status} ${action.size}`);
        return Response.json({ id, action, status, message: '', writes: [] });
      };
    };
    const pool = (size: number) => ({ kind: 'pool-size', target: 'cart', pool: 'p', size }) as const;
    const start = () =>
      startRig({
        extra: {
          actuation: { mode: 'act' },
          node_agents: [{ name: 'n1', url: 'http://127.0.0.1:1' }],
        },
        deps: { fetch: keeper() },
        parts: {
          // The ladder of one pool: what is in force is passed over.
          plan: ({ inForce }) => {
            const held = inForce.map(({ action }) => (action.kind === 'pool-size' ? action.size : 0));
            const size = 2 * Math.max(16, ...held);
            return { ...plan, actions: [{ node: 'n1', action: pool(size), reason: 'requests wait' }] };
          },
        },
      });
    const texts = (rig: Rig) => rig.engine.state().incidents[0]?.timeline.map(({ text }) => text) ?? [];
    const run = async (rig: Rig, from: number, to: number, p99Ms: number) => {
      for (let index = from; index < to; index++) await rig.window(index, p99Ms);
    };

    beforeEach(() => {
      requests = [];
    });

    it('acted, still broken two windows later, next rung applied', async () => {
      const rig = await start();
      await run(rig, 0, 22, GOOD);
      await run(rig, 22, 25, BAD);
      expect(requests).to.deep.equal(['applied 32']);
      await run(rig, 25, 33, BAD);
      expect(requests).to.deep.equal(['applied 32', 'applied 64']);
      expect(texts(rig).join('\n')).to.match(
        /still above the objective; more is done\n.*Root cause: cpu of cart.*\n.*requests wait\npool-size of cart: applied/,
      );
      await run(rig, 33, 42, BAD);
      expect(requests).to.deep.equal(['applied 32', 'applied 64', 'applied 128']);
    });

    it('made it worse, undone', async () => {
      const rig = await start();
      await run(rig, 0, 22, GOOD);
      await run(rig, 22, 25, BAD);
      await run(rig, 25, 33, 3 * BAD);
      expect(requests).to.deep.equal(['applied 32', 'released 32']);
      expect(texts(rig).join('\n')).to.match(
        /worse than before; what was done is undone\npool-size of cart: released/,
      );
    });

    it('leases are renewed while the incident lasts, and until what was done is released', async () => {
      const rig = await start();
      await run(rig, 0, 22, GOOD);
      await run(rig, 22, 25, BAD);
      // Never two windows in a row that hold: the incident lasts, longer than a lease.
      for (let index = 25; index < 120; index++) await rig.window(index, index % 2 === 0 ? GOOD : BAD);
      expect(texts(rig).join('\n')).to.not.include('has ended');
      expect(requests.filter((request) => request === 'applied 32')).to.have.length.greaterThan(1);
      await run(rig, 120, 160, GOOD);
      expect(requests.at(-1)).to.match(/^released/);
    });

    it('a lease that ended leaves its rung free', async () => {
      const rig = await start();
      await run(rig, 0, 22, GOOD);
      await run(rig, 22, 25, BAD);
      // Without a request nothing is judged and nothing released.
      rig.clock.advance(20 * 30_000);
      await rig.window(86, BAD);
      expect(texts(rig)).to.include(
        'the lease of pool-size of cart on n1 has ended: the agent has undone it',
      );
      await run(rig, 87, 95, BAD);
      expect(requests).to.deep.equal(['applied 32', 'applied 32']);
    });
  });
});
