import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Parts } from '../src/parts.js';
import { Cluster, planning } from './cluster.js';
import { fakeBlame, post, type Rig, rigsOfEachTest, settled, tempDir, until } from './support.js';

const BAD = 220;
const GOOD = 40;
const TOKEN = { authorization: 'Bearer secret' };
const CART = { target: 'cart', cpuWeight: { current: 100, max: 10_000 } };
const WEIGHT = 'n1 applied cpu-weight of cart 200';

describe('a plan that waits for approval', () => {
  const startRig = rigsOfEachTest();
  let cluster: Cluster;
  let next: number;

  beforeEach(() => {
    cluster = new Cluster();
    cluster.targets.set('n1', [CART]);
    next = 0;
  });

  const start = (extra: Record<string, unknown> = {}, dataDir = tempDir(), parts: Partial<Parts> = {}) =>
    startRig({
      dataDir,
      extra: {
        ...cluster.extra,
        actuation: { mode: 'recommend' },
        alertmanager: { token_file: 'token' },
        ...extra,
      },
      deps: { fetch: cluster.fetch },
      parts: { ...planning(), ...parts },
    });
  const slides = async (rig: Rig, count: number, p99Ms: number) => {
    for (let i = 0; i < count; i++) await rig.window(next++, p99Ms);
  };
  /** With a plan, 1, that waits. */
  const proposed = async (extra: Record<string, unknown> = {}) => {
    const rig = await start(extra);
    await slides(rig, 22, GOOD);
    await slides(rig, 3, BAD);
    return rig;
  };
  const incidentOf = (rig: Rig) => {
    const incident = rig.engine.state().incidents.at(-1);
    if (incident === undefined) throw new Error('there is no incident');
    return incident;
  };
  const states = (rig: Rig) => incidentOf(rig).actions.map(({ state }) => state);
  const path = (rig: Rig, verb: string, plan: number | string = 1, id = incidentOf(rig).id) =>
    rig.url(`/api/v1/incidents/${id}/plans/${plan}/${verb}`);
  const answer = async (response: Promise<Response>) => {
    const { status } = await response;
    const { error, state } = (await (await response).json()) as { error?: string; state?: string };
    await settled();
    return { status, text: error ?? state ?? '' };
  };
  const decide = (rig: Rig, verb: 'approve' | 'reject', plan: number | string = 1, body: unknown = {}) =>
    answer(post(path(rig, verb, plan), body, TOKEN));

  it('is carried out when it is approved, once however often that is', async () => {
    const rig = await proposed();
    expect(cluster.log).to.deep.equal([]);
    const [first, second] = await Promise.all([
      decide(rig, 'approve', 1, { by: 'Ana' }),
      decide(rig, 'approve'),
    ]);
    expect([first.status, second.status]).to.deep.equal([200, 200]);
    await until(() => states(rig)[0] === 'done');
    expect(await decide(rig, 'approve')).to.deep.equal({ status: 200, text: 'done' });
    expect(cluster.log).to.deep.equal([WEIGHT]);
    const texts = incidentOf(rig).timeline.map(({ text }) => text);
    expect(texts).to.include('plan 1 is approved by Ana').and.include('cpu-weight of cart: applied');
    expect(texts.join()).to.match(/plan 1 waits for approval: cpu-weight of cart on n1/);
  });

  it('climbs by another plan, which waits as well; what is in force is released unasked', async () => {
    const rig = await proposed();
    await decide(rig, 'approve');
    await slides(rig, 6, BAD);
    expect(states(rig)).to.deep.equal(['done', 'proposed']);
    expect(cluster.log).to.deep.equal([WEIGHT]);
    await slides(rig, 36, GOOD);
    expect(states(rig)).to.deep.equal(['done', 'stale']);
    expect(cluster.log.filter((line) => !line.includes(' again '))).to.deep.equal([
      WEIGHT,
      'n1 released cpu-weight of cart 200',
    ]);
  });

  it('is needed for whom else a diagnosis names, not for what was released and comes back', async () => {
    cluster.targets.set('n1', [CART, { ...CART, target: 'db' }]);
    const blamed = ['cart'];
    const diagnose: Parts['diagnose'] = ({ window, objective }) => fakeBlame(window, objective, blamed);
    const rig = await start({ trigger: { broken_windows: 3 } }, tempDir(), { diagnose });
    await slides(rig, 22, GOOD);
    await slides(rig, 3, BAD);
    await decide(rig, 'approve');
    await slides(rig, 36, GOOD);
    expect(cluster.log.at(-1)).to.equal('n1 released cpu-weight of cart 200');
    const before = cluster.log.length;
    blamed.push('db');
    await slides(rig, 3, BAD);
    expect(cluster.log.slice(before)).to.deep.equal([WEIGHT]);
    const [newest] = rig.engine.state().incidents;
    expect(newest?.actions.map(({ plan, state }) => [plan.service, state])).to.deep.equal([
      ['cart', 'done'],
      ['db', 'proposed'],
    ]);
  });

  it('that its agent refuses is followed by the next rung, which waits in its turn', async () => {
    cluster.targets.set('n1', [{ ...CART, cpuFrequencyKhz: { currentMin: 1e6, max: 2e6 } }]);
    cluster.refused.add('cpu-weight');
    const rig = await proposed();
    await decide(rig, 'approve');
    await until(() => states(rig).length === 2);
    expect(states(rig)).to.deep.equal(['done', 'proposed']);
    expect(incidentOf(rig).actions[1]?.plan.actions[0]?.action.kind).to.equal('cpu-frequency');
  });

  it('is left when it is rejected, for good', async () => {
    const rig = await proposed();
    expect(await decide(rig, 'reject')).to.deep.equal({ status: 200, text: 'rejected' });
    expect(await decide(rig, 'reject')).to.deep.equal({ status: 200, text: 'rejected' });
    const approved = await decide(rig, 'approve');
    expect(approved.status).to.equal(409);
    expect(approved.text).to.match(/plan 1 of incident \w+: it was rejected/);
    await slides(rig, 12, BAD);
    expect(states(rig)).to.deep.equal(['rejected']);
    expect(cluster.log).to.deep.equal([]);
  });

  it('cannot be rejected once it is done', async () => {
    const rig = await proposed();
    await decide(rig, 'approve');
    expect((await decide(rig, 'reject')).text).to.match(/it was carried out/);
  });

  it('is stale when its incident has ended', async () => {
    const rig = await proposed();
    await slides(rig, 3, GOOD);
    const late = await decide(rig, 'approve');
    expect(late.status).to.equal(409);
    expect(late.text).to.match(/overtaken by a later plan or by the end of the incident/);
    expect(cluster.log).to.deep.equal([]);
  });

  it('is not carried out for an objective that is only observed by now', async () => {
    const rig = await proposed();
    const observing = { ...rig.config, actuation: { ...rig.config.actuation, mode: 'observe' as const } };
    expect(rig.engine.reload(observing).ok).to.equal(true);
    const refused = await decide(rig, 'approve');
    expect([refused.status, refused.text]).to.deep.equal([
      409,
      `plan 1 of incident ${incidentOf(rig).id}: the objective is only observed by now`,
    ]);
  });

  it('is not carried out while another incident treats the service', async () => {
    const objectives = [
      { name: 'front', service: 'front', operation: 'GET /', threshold_ms: 100 },
      { name: 'also', service: 'front', operation: 'GET /', threshold_ms: 110 },
    ];
    const rig = await proposed({ objectives });
    const [one, two] = rig.engine.state().incidents.map(({ id }) => id);
    const approve = (id: string | undefined) => answer(post(path(rig, 'approve', 1, id), {}, TOKEN));
    expect((await approve(one)).status).to.equal(200);
    expect(await approve(two)).to.deep.equal({
      status: 409,
      text: `plan 1 of incident ${two}: cart is being treated in incident ${one}`,
    });
    expect(cluster.log).to.deep.equal([WEIGHT]);
  });

  it('cannot be approved where it was carried out without being asked', async () => {
    const rig = await proposed({ actuation: { mode: 'act' } });
    expect((await decide(rig, 'approve')).text).to.match(/it was carried out/);
  });

  it('says words only: there is nothing to approve', async () => {
    cluster.targets.set('n1', []);
    const rig = await proposed();
    expect((await decide(rig, 'approve')).text).to.match(/nothing that could be carried out/);
  });

  it('still waits after a restart, and what was approved is known', async () => {
    const first = await proposed();
    await first.engine.close();
    const second = await start({}, first.config.dataDir);
    expect(states(second)).to.deep.equal(['proposed']);
    await decide(second, 'approve', 1, { by: 'Ana' });
    await until(() => states(second)[0] === 'done');
    await second.engine.close();
    const third = await start({}, first.config.dataDir);
    expect(await decide(third, 'approve')).to.deep.equal({ status: 200, text: 'done' });
    expect(cluster.log).to.deep.equal([WEIGHT]);
  });

  it('is on disk before it is answered, so that a crash right after it loses nothing', async () => {
    const rig = await proposed();
    let go = () => {};
    cluster.silent = new Promise((resolve) => {
      go = resolve;
    });
    expect((await post(path(rig, 'approve'), {}, TOKEN)).status).to.equal(200);
    const dataDir = tempDir();
    cpSync(join(rig.config.dataDir, 'incidents.json'), join(dataDir, 'incidents.json'));
    const [saved] = JSON.parse(readFileSync(join(dataDir, 'incidents.json'), 'utf8'));
    expect(saved.actions[0]).to.include({ state: 'due', approved: true });
    go();
    await until(() => states(rig)[0] === 'done');
    const again = await start({}, dataDir);
    await until(() => states(again)[0] === 'done');
    expect(cluster.log).to.deep.equal([WEIGHT, 'n1 again cpu-weight of cart 200']);
  });

  const json = { 'content-type': 'application/json' };
  const BAD_REQUESTS: readonly [
    name: string,
    request: {
      path?: (rig: Rig) => string;
      headers?: Record<string, string>;
      body?: string;
      method?: string;
    },
    status: number,
    text: RegExp,
  ][] = [
    ['no token', { headers: json }, 401, /Authorization: Bearer <token>/],
    ['a wrong token', { headers: { ...json, authorization: 'Bearer x' } }, 401, /with the right token/],
    [
      'a form of another page',
      { headers: { ...TOKEN, 'content-type': 'text/plain' } },
      415,
      /got text\/plain/,
    ],
    ['no content type', { headers: TOKEN, body: '' }, 415, /got none|got text\/plain/],
    ['no JSON', { body: '{' }, 400, /JSON/],
    ['a list', { body: '[]' }, 400, /body: /],
    ['another key', { body: '{"force":true}' }, 400, /force/],
    ['a name that is none', { body: '{"by":7}' }, 400, /by: /],
    ['a name of two lines', { body: '{"by":"a\\nb"}' }, 400, /by: expected a name of at most 100 characters/],
    [
      'a name that is too long',
      { body: JSON.stringify({ by: 'x'.repeat(101) }) },
      400,
      /by: expected a name/,
    ],
    ['too large a body', { body: JSON.stringify({ by: 'x'.repeat(5000) }) }, 413, /large/],
    ['a plan 0', { path: (rig) => path(rig, 'approve', 0) }, 400, /the number of a plan, from 1, got 0/],
    ['a plan that is no number', { path: (rig) => path(rig, 'approve', '1e0') }, 400, /got 1e0/],
    ['a plan that there is not', { path: (rig) => path(rig, 'approve', 2) }, 404, /has no plan 2: it has 1/],
    ['another incident', { path: (rig) => path(rig, 'approve', 1, '..%2fx') }, 404, /there is no incident/],
    ['another method', { method: 'GET' }, 405, /expected POST/],
    ['another verb', { path: (rig) => path(rig, 'force') }, 404, /nothing at/],
  ];
  for (const [name, request, status, text] of BAD_REQUESTS) {
    it(`refuses ${name}: ${status}`, async () => {
      const rig = await proposed();
      const method = request.method ?? 'POST';
      const response = await fetch(request.path?.(rig) ?? path(rig, 'approve'), {
        method,
        headers: request.headers ?? { ...TOKEN, ...json },
        ...(method === 'GET' ? {} : { body: request.body ?? '{}' }),
      });
      const { error } = (await response.json()) as { error: string };
      expect(response.status, error).to.equal(status);
      expect(error).to.match(text);
      await settled();
      expect(states(rig)).to.deep.equal(['proposed']);
      expect(cluster.log).to.deep.equal([]);
    });
  }
});
