import { type FeatureName, type MetricSample, OUTSIDE, type RpcKey, type RpcObservation } from '@sage/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { WindowBuilder } from '../src/window-builder.js';

const rpc: RpcKey = { caller: OUTSIDE, callee: 'front', operation: 'GET /' };
const SERVER = 'server|(outside)>front:GET /';

function served(endMs: number, serverMs: number, more: Partial<RpcObservation> = {}): RpcObservation {
  return {
    rpc,
    endMs,
    clientMs: undefined,
    serverMs,
    requestMs: undefined,
    responseMs: undefined,
    parent: undefined,
    criticality: undefined,
    ...more,
  };
}

function reading(timestampMs: number, value: number, service = 'front'): MetricSample {
  return { service, feature: 'cpu_usage_cores', timestampMs, value };
}

/** 30-second windows every 10 seconds, given out 5 seconds after their end. */
function builder(): WindowBuilder {
  const made = new WindowBuilder({ windowSeconds: 30, slideSeconds: 10, latenessMs: 5_000 });
  made.advance(0);
  return made;
}

describe('WindowBuilder', () => {
  it('gives a window out when its lateness is over, and then one each slide', () => {
    const windows = builder();
    const ends = (nowMs: number) => windows.advance(nowMs).map((w) => [w.startMs, w.endMs]);
    expect(ends(34_999)).to.deep.equal([]);
    expect(ends(35_000)).to.deep.equal([[0, 30_000]]);
    expect(ends(35_001)).to.deep.equal([]);
    expect(ends(45_000)).to.deep.equal([[10_000, 40_000]]);
    windows.addObservations([served(60_000, 1)], 60_000);
    expect(ends(65_500)).to.deep.equal([
      [20_000, 50_000],
      [30_000, 60_000],
    ]);
  });

  it('starts with the first window that lies wholly after its first use', () => {
    const windows = new WindowBuilder({ windowSeconds: 30, slideSeconds: 10, latenessMs: 0 });
    windows.addObservations([served(101_000, 1)], 101_000);
    expect(windows.advance(139_999)).to.deep.equal([]);
    expect(windows.advance(140_000).map((w) => w.startMs)).to.deep.equal([110_000]);
  });

  it('puts an observation into every window that covers its end, and into no other', () => {
    const windows = builder();
    windows.addObservations([served(9_999, 1), served(10_000, 2), served(30_000, 3)], 1_000);
    const counts = windows.advance(75_000).map((w) => [w.endMs, w.latency.get(SERVER)?.count]);
    expect(counts).to.deep.equal([
      [30_000, 2],
      [40_000, 2],
      [50_000, 1],
      [60_000, 1],
      [70_000, undefined],
    ]);
  });

  it('keeps one column per latency that was seen', () => {
    const windows = builder();
    const call = { caller: 'front', callee: 'cart', operation: 'add' };
    windows.addObservations(
      [served(1_000, 25, { rpc: call, clientMs: 50, requestMs: 0, responseMs: 15 })],
      1_000,
    );
    const window = windows.advance(35_000)[0];
    const medians = [...(window?.latency ?? [])].map(([node, stats]) => [node, Math.round(stats.p50Ms)]);
    expect(medians).to.deep.equal([
      ['client|front>cart:add', 50],
      ['server|front>cart:add', 25],
      ['request|front>cart:add', 0],
      ['response|front>cart:add', 15],
    ]);
  });

  it('means over merged slices are exact', () => {
    const windows = builder();
    windows.addObservations(
      [served(1_000, 1), served(11_000, 2), served(12_000, 2), served(21_000, 1_000)],
      0,
    );
    expect(windows.advance(35_000)[0]?.latency.get(SERVER)?.meanMs).to.equal(1_005 / 4);
  });

  it('quantiles over merged slices are within 1 % and ordered', () => {
    const values = fc.array(fc.double({ min: 0, max: 100_000, noNaN: true }), {
      minLength: 1,
      maxLength: 300,
    });
    fc.assert(
      fc.property(values, (list) => {
        const windows = builder();
        windows.addObservations(
          list.map((value, i) => served((i * 7_919) % 30_000, value)),
          0,
        );
        const stats = windows.advance(35_000)[0]?.latency.get(SERVER);
        expect(stats?.count).to.equal(list.length);
        const sorted = [...list].sort((a, b) => a - b);
        for (const [q, got] of [
          [0.5, stats?.p50Ms],
          [0.95, stats?.p95Ms],
          [0.99, stats?.p99Ms],
        ] as const) {
          const exact = sorted[Math.floor(q * (sorted.length - 1))] as number;
          expect(got).to.be.closeTo(exact, 0.0101 * exact + 0.001);
        }
      }),
    );
  });

  it('a window that was given out leaves the next ones unchanged', () => {
    const windows = builder();
    windows.addObservations(
      Array.from({ length: 30 }, (_, i) => served(i * 1_000, 10)),
      0,
    );
    const counts = windows.advance(55_000).map((w) => w.latency.get(SERVER)?.count);
    expect(counts).to.deep.equal([30, 20, 10]);
  });

  it('counts late observations, and still uses them for windows to come', () => {
    const windows = builder();
    windows.advance(35_000);
    windows.addObservations([served(29_000, 1), served(5_000, 1), served(31_000, 1)], 36_000);
    expect(windows.stats().observations).to.include({ accepted: 2, late: 1, tooOld: 1 });
    expect(windows.advance(45_000)[0]?.latency.get(SERVER)?.count).to.equal(2);
  });

  const refused: [name: string, observation: RpcObservation, count: string][] = [
    ['ends a window ahead of the clock', served(30_002, 1), 'future'],
    ['ends at no time', served(Number.NaN, 1), 'invalid'],
    ['took no number', served(1, Number.NaN), 'invalid'],
    ['took less than nothing', served(1, -1), 'invalid'],
  ];
  for (const [name, observation, count] of refused) {
    it(`refuses what ${name}`, () => {
      const windows = builder();
      windows.addObservations([observation], 1);
      expect(windows.stats().observations).to.have.property(count, 1);
      expect(windows.advance(35_000)[0]?.latency.size).to.equal(0);
    });
  }

  it('averages samples per slice, then over the slices that have any', () => {
    const windows = builder();
    windows.addSamples([reading(1_000, 1), reading(2_000, 1), reading(3_000, 4), reading(15_000, 6)], 0);
    windows.addSamples([reading(1_000, 9, 'cart'), reading(1_000, Number.NaN, 'cart')], 0);
    const metrics = windows.advance(35_000)[0]?.metrics;
    expect(metrics?.get('front')?.get('cpu_usage_cores')).to.equal(4);
    expect(metrics?.get('cart')?.get('cpu_usage_cores')).to.equal(9);
    expect(windows.stats().samples).to.include({ accepted: 5, invalid: 1 });
  });

  it('holds no more columns than it may', () => {
    const windows = new WindowBuilder({ maxColumns: 3 });
    windows.addObservations(
      Array.from({ length: 10 }, (_, i) => served(1, 1, { rpc: { ...rpc, operation: `GET /${i}` } })),
      0,
    );
    windows.addSamples(
      Array.from({ length: 10 }, (_, i) => reading(1, 1, `s${i}`)),
      0,
    );
    expect(windows.stats().observations.overflow).to.equal(7);
    expect(windows.stats().samples.overflow).to.equal(7);
  });

  describe('replicas', () => {
    const window = (observations: readonly RpcObservation[], samples: readonly MetricSample[] = []) => {
      const windows = builder();
      windows.addObservations(observations, 0);
      windows.addSamples(samples, 0);
      return windows.advance(35_000)[0];
    };
    const at = (endMs: number, instance: string | undefined, serverMs = 10, callee = 'front') =>
      served(endMs, serverMs, { instance, rpc: { ...rpc, callee } });

    it('of a service that has several are told apart, over all slices and operations', () => {
      const replicas = window([
        ...[1_000, 11_000, 21_000].flatMap((ms) => [at(ms, 'a'), at(ms, 'a', 10), at(ms, 'b', 80)]),
        served(2_000, 20, { instance: 'a', rpc: { ...rpc, operation: 'POST /' } }),
        at(2_000, undefined),
        at(2_000, 'only', 10, 'cart'),
      ])?.replicas;
      expect([...(replicas?.keys() ?? [])]).to.deep.equal(['front']);
      const front = replicas?.get('front');
      expect([...(front ?? [])].map(([name, { latency }]) => [name, latency?.count])).to.deep.equal([
        ['a', 7],
        ['b', 3],
      ]);
      expect(front?.get('a')?.latency?.p50Ms).to.be.closeTo(10, 0.1);
      expect(front?.get('a')?.latency?.p99Ms).to.be.closeTo(10, 0.1);
      expect(front?.get('b')?.latency?.p50Ms).to.be.closeTo(80, 0.8);
    });

    it('are absent where no service has several', () => {
      const found = window([at(1, 'a'), at(1, 'a'), at(1, 'b', 1, 'cart')], [reading(1, 1)]);
      expect(found).not.to.have.property('replicas');
    });

    const read = (feature: FeatureName, rows: readonly [instance: string | undefined, ...number[]][]) =>
      rows.flatMap(([instance, ...values]) =>
        values.flatMap((value, slice) =>
          Number.isNaN(value)
            ? []
            : [{ service: 'front', instance, feature, timestampMs: slice * 10_000, value }],
        ),
      );
    const GAP = Number.NaN;
    const joins: [what: string, feature: FeatureName, rows: Parameters<typeof read>[1], column: number][] = [
      [
        'usage is added',
        'cpu_usage_cores',
        [
          ['a', 1, 1, 1],
          ['b', 2, 2, 2],
        ],
        3,
      ],
      [
        'a failed scrape takes nothing off',
        'cpu_usage_cores',
        [
          ['a', 2, GAP, 2],
          ['b', 2, 2, GAP],
        ],
        4,
      ],
      [
        'a replica in the place of another counts once',
        'memory_working_set_bytes',
        [
          ['a', 5, 5, 5],
          ['b', 5],
          ['c', GAP, 5, 5],
        ],
        10,
      ],
      [
        'of waiting the longest counts',
        'cpu_runqueue_wait_ratio',
        [
          ['a', 0.9, 0.6, 0.9],
          ['b', 0, 0, 0],
          ['c', 0.1, 0.1, 0.1],
        ],
        0.8,
      ],
      [
        'of shares the largest counts',
        'cpu_host_busy_ratio',
        [
          ['a', 0.4],
          ['b', 0.7],
        ],
        0.7,
      ],
      [
        'without replicas samples are averaged',
        'cpu_usage_cores',
        [
          [undefined, 1, 2, 3],
          [undefined, 3, 4, 5],
        ],
        3,
      ],
      [
        'told apart counts before told together',
        'cpu_usage_cores',
        [
          [undefined, 70],
          ['a', 1],
          ['b', 2],
        ],
        3,
      ],
    ];
    for (const [what, feature, rows, column] of joins) {
      it(`of the column of a service: ${what}`, () => {
        const metrics = window([], read(feature, rows))?.metrics.get('front');
        expect(metrics?.get(feature)).to.be.closeTo(column, 1e-9);
      });
    }

    it('keep the features that several of them have', () => {
      const samples = [
        ...read('cpu_usage_cores', [
          ['a', 1, 3],
          ['b', 4],
        ]),
        ...read('software_pool_pending', [['uuid-of-a', 7]]),
      ];
      const front = window([at(1, 'a')], samples)?.replicas?.get('front');
      expect([...(front ?? [])].map(([name, { metrics }]) => [name, ...metrics])).to.deep.equal([
        ['a', ['cpu_usage_cores', 2]],
        ['b', ['cpu_usage_cores', 4]],
      ]);
      expect(front?.get('a')?.latency, 'one replica alone is not told apart by traces').to.equal(undefined);
    });

    it('have latency and features side by side where both tell them apart', () => {
      const samples = read('cpu_usage_cores', [
        ['a', 1],
        ['b', 4],
      ]);
      const front = window([at(1, 'a'), at(1, 'b')], samples)?.replicas?.get('front');
      expect(
        [...(front ?? [])].map(([name, r]) => [name, r.latency?.count, ...r.metrics.values()]),
      ).to.deep.equal([
        ['a', 1, 1],
        ['b', 1, 4],
      ]);
    });

    it('leave room for a reading of every service', () => {
      const windows = new WindowBuilder({ latenessMs: 0, maxReplicas: 100, maxColumns: 2 });
      windows.advance(0);
      const replicasOf = (service: string, count: number) =>
        Array.from({ length: count }, (_, i) => ({ ...reading(1, 7, service), instance: `r${i}` }));
      windows.addSamples([...replicasOf('front', 30), ...replicasOf('cart', 5)], 0);
      const found = windows.advance(30_000)[0];
      expect(found?.metrics.get('cart')?.get('cpu_usage_cores')).to.equal(7);
      expect(windows.stats().samples).to.include({ replicaOverflow: 14, overflow: 0 });
    });

    it('are bounded, however many there are and whatever they are called', () => {
      const windows = new WindowBuilder({ latenessMs: 0, maxReplicas: 3, maxColumns: 5 });
      windows.advance(0);
      const names = ['__proto__', '', 'x'.repeat(1e5), ...Array.from({ length: 2_000 }, (_, i) => `r${i}`)];
      for (const callee of ['front', 'cart']) {
        windows.addObservations(
          names.map((name) => at(1, name, 10, callee)),
          0,
        );
        windows.addSamples(
          names.map((instance) => ({ ...reading(1, 1, callee), instance })),
          0,
        );
      }
      const found = windows.advance(30_000)[0];
      expect([...(found?.replicas?.values() ?? [])].map(({ size }) => size)).to.deep.equal([3, 3]);
      expect(found?.latency.get(SERVER)?.count).to.equal(names.length);
      expect(found?.metrics.get('front')?.get('cpu_usage_cores')).to.equal(3);
      const { observations, samples } = windows.stats();
      expect(observations).to.include({ replicaOverflow: 2 * names.length - 5, overflow: 0 });
      expect(samples).to.include({ replicaOverflow: 2 * names.length - 6, overflow: 0 });
    });
  });

  it('gives one window out after a gap, and holds a bounded number of slices', () => {
    const windows = builder();
    windows.addObservations([served(1_000, 1)], 1_000);
    const afterDay = windows.advance(86_400_000);
    expect(afterDay.map((w) => w.endMs).at(-1)).to.equal(86_390_000);
    expect(afterDay.length).to.be.at.most(4);
    expect(windows.stats().slicesHeld).to.equal(0);
  });

  const lengths: [windowSeconds: number, slideSeconds: number][] = [
    [30, 7],
    [10, 30],
    [30, 0],
    [30, -10],
    [Number.NaN, 10],
  ];
  for (const [windowSeconds, slideSeconds] of lengths) {
    it(`refuses windows of ${windowSeconds} s every ${slideSeconds} s`, () => {
      expect(() => new WindowBuilder({ windowSeconds, slideSeconds })).to.throw(RangeError, 'whole multiple');
    });
  }
});
