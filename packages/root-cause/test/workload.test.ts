import type { LatencyNode } from '@sage/causal-graph';
import { FEATURES, type FeatureName, type Window } from '@sage/core';
import { expect } from 'chai';
import { type FeatureAnomaly, type NodeAnomaly, noSigns } from '../src/anomaly.js';
import { sureLoad } from '../src/leading-load.js';
import { growthOfAllUse, isOverloaded, strainedBeyondLoad } from '../src/workload.js';

/** A reading with its z by the feature's resolution. */
function reading(feature: FeatureName, observed: number, expected: number): FeatureAnomaly {
  const z = (observed - expected) / FEATURES[feature].resolution;
  return { feature, observed, expected, z, ownZ: z };
}

describe('contention beyond what load explains', () => {
  const CASES: readonly [
    name: string,
    growth: number,
    features: readonly FeatureAnomaly[],
    strained: boolean,
  ][] = [
    ['waits as ever', 3, [reading('cpu_runqueue_wait_ratio', 0.01, 0.01)], false],
    ['waits by the square of the growth', 3, [reading('cpu_runqueue_wait_ratio', 0.45, 0.05)], false],
    ['waits far longer, and uses no more', 3, [reading('cpu_runqueue_wait_ratio', 5, 0.05)], true],
    [
      'waits far longer, having three times the work',
      3,
      [reading('cpu_throttled_ratio', 5, 0), reading('cpu_usage_cores', 0.9, 0.3)],
      false,
    ],
    [
      'waits far longer, having a little more work',
      3,
      [reading('cpu_throttled_ratio', 5, 0), reading('cpu_usage_cores', 0.33, 0.3)],
      true,
    ],
    [
      'waits far longer at the usual load, whatever it uses',
      1,
      [reading('cpu_throttled_ratio', 5, 0), reading('cpu_usage_cores', 0.9, 0.3)],
      true,
    ],
    [
      'waits far longer for a disk that was idle and still would be',
      1.4,
      [reading('disk_wait_ratio', 0.4, 0.001), reading('disk_io_bytes_per_second', 1.4e5, 1e5)],
      true,
    ],
    [
      'waits far longer for a disk that was in use, having more work',
      1.4,
      [reading('disk_wait_ratio', 4, 0.3), reading('disk_io_bytes_per_second', 1.4e5, 1e5)],
      false,
    ],
    [
      'a probe that takes long is nothing that load uses up',
      3,
      [reading('network_probe_ms', 300, 0.1), reading('cpu_usage_cores', 0.9, 0.3)],
      true,
    ],
    [
      'uses far more than load explains, and nobody measures its waits',
      3,
      [reading('cpu_usage_cores', 1.5, 0.3)],
      true,
    ],
    [
      'holds the memory of requests that wait in it',
      3,
      [reading('memory_working_set_bytes', 4e9, 1e8)],
      false,
    ],
    [
      'waits for memory',
      3,
      [reading('memory_working_set_bytes', 4e9, 1e8), reading('memory_pressure_ratio', 2, 0)],
      true,
    ],
  ];
  for (const [name, growth, features, strained] of CASES) {
    it(name, () => {
      const signs = new Map([['a', { ...noSigns('a'), features }]]);
      const found = strainedBeyondLoad(['a', 'b'], signs, { growth, threshold: 6 });
      expect(found).to.deep.equal(strained ? ['a'] : []);
    });
  }
});

describe('a service of which a few calls take as long as packets that are sent again', () => {
  const node: LatencyNode = {
    id: 'server|a>b:/',
    kind: 'server',
    rpc: { caller: 'a', callee: 'b', operation: '/' },
    owners: ['b'],
    parents: [],
  };
  const lossy: NodeAnomaly = {
    ...{ node, observedMs: 205, expectedMs: 5, z: 30, slowness: 30, isLossy: true },
    ...{ excessMs: 200, medianExcessMs: 0, meanExcessMs: 4 },
  };
  const strained = (features: readonly FeatureAnomaly[], isLossy: boolean) =>
    strainedBeyondLoad(
      ['b'],
      new Map([['b', { ...noSigns('b'), features, exclusive: [{ ...lossy, isLossy }] }]]),
      { growth: 2, threshold: 6 },
    );
  const idle = [reading('cpu_runqueue_wait_ratio', 0, 0)];

  it('is strained where it is measured and waits for nothing', () => {
    expect(strained(idle, true)).to.deep.equal(['b']);
  });
  it('may have a queue where nobody measures it', () => {
    expect(strained([], true)).to.deep.equal([]);
  });
  it('is not strained where all its calls are slow', () => {
    expect(strained(idle, false)).to.deep.equal([]);
  });
});

describe('an overloaded service', () => {
  const history = [0.2, 0.3, 0.4].map(
    (cores): Window => ({
      startMs: 0,
      endMs: 30_000,
      latency: new Map(),
      metrics: new Map([['a', new Map<FeatureName, number>([['cpu_usage_cores', cores]])]]),
    }),
  );
  const CASES: readonly [name: string, features: readonly FeatureAnomaly[], overloaded: boolean][] = [
    [
      'waits while it consumes more than ever',
      [reading('cpu_throttled_ratio', 0.5, 0), reading('cpu_usage_cores', 0.41, 0.3)],
      true,
    ],
    [
      'is kept from what it used to consume',
      [reading('cpu_throttled_ratio', 0.5, 0), reading('cpu_usage_cores', 0.2, 0.3)],
      false,
    ],
    [
      'has more to do and does it',
      [reading('cpu_throttled_ratio', 0, 0), reading('cpu_usage_cores', 0.5, 0.3)],
      false,
    ],
    [
      'consumes far more for each request',
      [reading('cpu_throttled_ratio', 0.5, 0), reading('cpu_usage_cores', 0.6, 0.3)],
      false,
    ],
    ['is not measured', [reading('cpu_throttled_ratio', 0.5, 0)], false],
  ];
  for (const [name, features, overloaded] of CASES) {
    it(`${name}: ${overloaded}`, () => {
      expect(isOverloaded({ ...noSigns('a'), features }, { history, growth: 1, threshold: 6 })).to.equal(
        overloaded,
      );
    });
  }
});

describe('what all services use of a processor', () => {
  const SERVICES = ['a', 'b', 'c', 'd', 'e'];
  const history = [0.2, 0.3, 0.4].map(
    (cores): Window => ({
      startMs: 0,
      endMs: 30_000,
      latency: new Map(),
      metrics: new Map(
        SERVICES.map((service) => [service, new Map<FeatureName, number>([['cpu_usage_cores', cores]])]),
      ),
    }),
  );
  const growthWith = (cores: readonly number[]) =>
    growthOfAllUse(
      new Map(
        cores.map((observed, index) => {
          const service = SERVICES[index] as string;
          return [service, { ...noSigns(service), features: [reading('cpu_usage_cores', observed, 0.3)] }];
        }),
      ),
      history,
    );

  it('tells of more load where most use more than ever', () => {
    expect(growthWith([0.45, 0.48, 0.45, 0.2, 0.3])).to.be.closeTo(1.5, 1e-9);
  });
  it('tells of nothing where one has far more to do', () => {
    expect(growthWith([3, 0.3, 0.3, 0.3, 0.39])).to.equal(undefined);
  });
  it('tells of nothing where most use as much as they have before', () => {
    expect(growthWith([0.45, 0.45, 0.39, 0.39, 0.39])).to.equal(undefined);
  });
  it('tells of nothing where few are measured', () => {
    expect(growthWith([0.6, 0.6, 0.6])).to.equal(undefined);
  });
});

describe('the load that is sure', () => {
  const window: Window = { startMs: 0, endMs: 30_000, latency: new Map(), metrics: new Map() };
  for (const [load, sure] of [
    [500, 491.84],
    [5, 4.18],
    [0.1, -0.015],
  ] as const) {
    it(`of ${30 * load} calls counted in 30 s: ${sure} requests per second`, () => {
      expect(sureLoad(load, window)).to.be.closeTo(sure, 0.01);
    });
  }
});
