import { join } from 'node:path';
import { type FeatureName, type ReplicaReading, silentLogger, type Window } from '@sage/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { WindowHistory } from '../src/learning/history.js';
import { decodeWindow, encodeWindow } from '../src/learning/window-codec.js';
import { fakeDiagnosis, rigsOfEachTest, startGrafana, tempDir, until, window } from './support.js';

const reading = (p99Ms: number | undefined, metrics: readonly [FeatureName, number][]): ReplicaReading => ({
  latency: p99Ms === undefined ? undefined : { p50Ms: 1.5, p95Ms: 2.25, p99Ms, count: 40 },
  metrics: new Map(metrics),
});

const told = (index: number): Window => ({
  ...window(index, 40),
  replicas: new Map([
    [
      'cart',
      new Map([
        ['cart-0', reading(4, [['cpu_usage_cores', 0.25]])],
        ['cart-1', reading(undefined, [['cpu_throttled_ratio', 0.5]])],
        ['__proto__', reading(5, [])],
      ]),
    ],
    ['constructor', new Map([['a', reading(1, [])]])],
  ]),
});

const again = (line: string) => decodeWindow(JSON.parse(line) as unknown);

describe('replicas in the history', () => {
  it('are read back as they were written, whatever their names', () => {
    const item = { window: told(1), inIncident: true };
    expect(again(encodeWindow(item))).to.deep.equal(item);
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 5 }), (names) => {
        const replicas = new Map([['cart', new Map(names.map((name, i) => [name, reading(i, [])]))]]);
        expect(
          again(encodeWindow({ window: { ...told(1), replicas }, inIncident: false }))?.window.replicas,
        ).to.deep.equal(replicas);
      }),
    );
  });

  it('have the mean of their latency where it was kept', () => {
    const item = { window: window(1, 40), inIncident: false };
    const stats = { p50Ms: 1, p95Ms: 2, p99Ms: 3, meanMs: 1.25, count: 4 };
    const latency = new Map([
      ['server|a', stats],
      ['server|b', { ...stats, meanMs: 0 }],
    ]);
    const withMeans = { ...item, window: { ...item.window, latency } };
    expect(again(encodeWindow(withMeans))).to.deep.equal(withMeans);
    // Lines of before have none.
    expect(
      again(encodeWindow(withMeans).replaceAll(/,4,[\d.]+\]/g, ',4]'))?.window.latency.get('server|a'),
    ).to.deep.equal({
      ...{ p50Ms: 1, p95Ms: 2, p99Ms: 3, count: 4 },
    });
  });

  it('are absent from lines of before', () => {
    const item = { window: window(1, 40), inIncident: false };
    expect(encodeWindow(item)).not.to.contain('"r"');
    expect(again(encodeWindow(item))).to.deep.equal(item);
  });

  const damaged: [what: string, r: unknown][] = [
    ['no object', 7],
    ['null', null],
    ['a list', []],
    ['a service without replicas', { cart: { f: [] } }],
    ['a reading that is no list', { cart: { f: [], i: { a: {} } } }],
    ['more readings than features', { cart: { f: [], i: { a: [0, 1] } } }],
    ['a latency without a count', { cart: { f: [], i: { a: [[1, 2, 3]] } } }],
  ];
  for (const [what, r] of damaged) {
    it(`are no window's where there is ${what}`, () => {
      const line = JSON.parse(encodeWindow({ window: told(1), inIncident: false })) as object;
      expect(decodeWindow({ ...line, r })).to.equal(undefined);
    });
  }

  it('leave out features that are not known any more, and readings that are no numbers', () => {
    const line = JSON.parse(encodeWindow({ window: told(1), inIncident: false })) as object;
    const r = { cart: { f: ['gone', 'cpu_usage_cores', 'cpu_throttled_ratio'], i: { a: [0, 1, 2, null] } } };
    const found = decodeWindow({ ...line, r })
      ?.window.replicas?.get('cart')
      ?.get('a');
    expect(found).to.deep.equal(reading(undefined, [['cpu_usage_cores', 2]]));
  });

  it('are kept in memory for the newest windows, and through an incident for those before it', async () => {
    const folder = join(tempDir(), 'windows');
    const history = await WindowHistory.open(folder, { maxWindows: 1_000, logger: silentLogger });
    for (let index = 0; index < 400; index++) history.add(told(index), index >= 200);
    const kept = history.windows.flatMap(({ replicas }, index) => (replicas === undefined ? [] : [index]));
    expect([kept[0], kept[59], kept[60], kept.length]).to.deep.equal([140, 199, 340, 120]);
    expect(history.windows).to.have.length(400);
    await history.flush();
    const reopened = await WindowHistory.open(folder, { maxWindows: 1_000, logger: silentLogger });
    expect(reopened.windows).to.deep.equal(history.windows);
  });
});

describe('the replica that a diagnosis names', () => {
  const startRig = rigsOfEachTest();

  it('is in the incident, its annotation and after a restart, and no label of the metric', async () => {
    const grafana = await startGrafana();
    try {
      const extra = { grafana: { url: grafana.url } };
      const dataDir = tempDir();
      const rig = await startRig({
        dataDir,
        extra,
        parts: {
          diagnose: ({ window: of, objective }) => {
            const diagnosis = fakeDiagnosis(of, objective);
            return { ...diagnosis, culprits: diagnosis.culprits.map((c) => ({ ...c, replica: 'cart-1' })) };
          },
        },
      });
      for (let index = 0; index < 25; index++) await rig.window(index, index < 22 ? 40 : 400);
      await until(() => grafana.posts.length === 1);
      expect(grafana.posts[0]?.tags).to.include('replica:cart-1');
      expect(grafana.posts[0]?.text).to.contain('Root cause: cpu of cart, replica cart-1 (97 %');
      expect(await (await fetch(rig.url('/metrics'))).text()).to.include(
        'sage_root_cause{qos="front",service="cart",resource="cpu"} 0.97',
      );
      const list = await (await fetch(rig.url('/api/v1/incidents'))).text();
      expect(list).to.contain('"replica":"cart-1"');
      await rig.engine.close();
      const { engine } = await startRig({ dataDir, extra });
      expect(engine.state().incidents[0]?.diagnosis?.culprits[0]?.replica).to.equal('cart-1');
    } finally {
      await grafana.close();
    }
  });
});
