import type { LatencyNode } from '@sage/causal-graph';
import { FEATURES, type FeatureName, type LatencyKind, type Percentile, type Resource } from '@sage/core';
import { expect } from 'chai';
import {
  type FeatureAnomaly,
  type NodeAnomaly,
  noSigns,
  resourceStrength,
  type ServiceSigns,
} from '../src/anomaly.js';
import { attribute } from '../src/attribution.js';
import { ownAnomaly } from '../src/evidence.js';
import { callsBeyond, judgedPercentiles } from '../src/judged-percentiles.js';
import { rankSuspects } from '../src/level-one.js';
import type { Outlook } from '../src/outlook.js';
import { assignResponsibility } from '../src/responsibility.js';

function feature(name: FeatureName, z: number, rest: Partial<FeatureAnomaly> = {}): FeatureAnomaly {
  return { feature: name, observed: z * FEATURES[name].resolution, expected: 0, z, ownZ: z, ...rest };
}

/** A view of nothing but the signs. */
const NOTHING_ELSE = { owned: new Map(), hiddenWays: new Map() };

function node(kind: LatencyKind, [caller, callee]: [string, string], z: number, excessMs = z): NodeAnomaly {
  const owners = kind === 'server' ? [callee] : [caller, callee];
  return {
    node: {
      id: `${kind}|${caller}>${callee}:/`,
      kind,
      rpc: { caller, callee, operation: '/' },
      owners,
      parents: [],
    } satisfies LatencyNode,
    observedMs: 1 + excessMs,
    expectedMs: 1,
    z,
    slowness: z,
    excessMs: 0,
    medianExcessMs: excessMs,
    meanExcessMs: excessMs,
    isLossy: false,
  };
}

/** A server's time that holds calls without client spans. */
function unseenCalls(z: number, excessMs: number): NodeAnomaly {
  const entry = node('server', ['x', 'a'], z, excessMs);
  const parents = [{ node: 'server|a>b:/', weight: 1, callsPerChild: 1 }];
  return { ...entry, node: { ...entry.node, parents } };
}

function signs(service: string, rest: Partial<ServiceSigns>): ServiceSigns {
  return { ...noSigns(service), ...rest };
}

describe('the percentiles a node is judged by', () => {
  type Judged = Partial<Record<Percentile, number>>;
  const CASES: readonly [calls: number, wanted: Percentile, leaf: Judged, inner: Judged][] = [
    [2000, 'p50Ms', { p50Ms: 1, p95Ms: 1, p99Ms: 1 }, { p50Ms: 1, p95Ms: 1, p99Ms: 1 }],
    [500, 'p95Ms', { p95Ms: 1, p99Ms: 1 }, { p95Ms: 1, p99Ms: 1 }],
    [300, 'p95Ms', { p95Ms: 1, p99Ms: 0.5 }, { p95Ms: 1 }],
    [100, 'p99Ms', { p95Ms: 1 }, { p95Ms: 1 }],
    [60, 'p95Ms', { p50Ms: 1, p95Ms: 0.5 }, { p50Ms: 1 }],
    [20, 'p95Ms', { p50Ms: 1 }, { p50Ms: 1 }],
    [12, 'p99Ms', { p50Ms: 1 }, { p50Ms: 1 }],
    [9, 'p99Ms', {}, {}],
  ];
  for (const [calls, wanted, ...expected] of CASES) {
    for (const [index, isLeaf] of [true, false].entries()) {
      it(`${calls} calls of ${isLeaf ? 'a leaf' : 'one that waits for others'}, objective of ${wanted}`, () => {
        const judged = judgedPercentiles((percentile) => callsBeyond(calls, percentile), wanted, isLeaf);
        expect(
          Object.fromEntries(judged.map(({ percentile, belief }) => [percentile, belief])),
        ).to.deep.equal(expected[index]);
      });
    }
  }
});

describe('what a service suffers', () => {
  const decisive = (features: readonly FeatureAnomaly[]) =>
    ownAnomaly(signs('a', { features }), () => 0).decisive;

  it('is not its own where a slow callee keeps its connections', () => {
    const waits = signs('a', { features: [feature('software_pool_wait_ms', 40)] });
    const besides = (calleeSlowness: number) =>
      ownAnomaly(
        waits,
        () => 0,
        () => calleeSlowness,
      ).decisive;
    expect([0, 10, 30].map(besides)).to.deep.equal([40, 22, 2]);
  });

  it('is not its own where most services suffer it alike', () => {
    expect(decisive([feature('network_probe_ms', 40, { ownZ: 1 })])).to.equal(1);
  });

  it('is beyond doubt where a share of a resource is used up whose waits nobody measures', () => {
    const usedUp = feature('cpu_host_busy_ratio', 5, { observed: 0.99 });
    expect(decisive([usedUp])).to.be.above(30);
    expect(decisive([usedUp, feature('cpu_runqueue_wait_ratio', 0)])).to.equal(0);
    expect(decisive([feature('cpu_host_busy_ratio', 5, { observed: 0.8 })])).to.equal(0);
  });

  it('is beyond doubt where most of its cache is lost, however ordinary so many misses are', () => {
    const held = (observed: number) => feature('llc_occupancy_bytes', 0, { observed, expected: 2_000_000 });
    const missed = feature('llc_misses_per_second', 3, { observed: 32_000, expected: 80 });
    expect(decisive([held(250_000), missed])).to.equal((7 / 8) * 32);
    expect(decisive([held(1_900_000), missed])).to.equal(3);
    expect(decisive([held(250_000), { ...missed, observed: 100 }])).to.equal(3);
  });

  it('counts by the latency it explains, both being seconds per second, and is no surer than that is', () => {
    const wait = feature('cpu_runqueue_wait_ratio', 4, { observed: 0.12 });
    const strengthAt = (excessSeconds: number, computeZ: number) => {
      const exclusive = [node('server', ['x', 'a'], computeZ)];
      return resourceStrength(
        signs('a', { features: [wait], excessSeconds, exclusive }),
        'cpu',
        'contention',
      );
    };
    expect(strengthAt(0.15, 40)).to.be.closeTo(30 * 0.8, 1e-9);
    expect(strengthAt(0.15, 12)).to.be.closeTo(10 * 0.8, 1e-9);
    expect(strengthAt(10, 40)).to.equal(2);
    expect(strengthAt(0.001, 0.3)).to.equal(2);
  });
});

describe('how far a service is from normal by itself', () => {
  const expected: NodeAnomaly = { ...node('server', ['x', 'a'], 1), slowness: 40 };
  const decisive = (waits: number, entry: NodeAnomaly) =>
    ownAnomaly(
      signs('a', { exclusive: [entry], features: [feature('cpu_runqueue_wait_ratio', waits)] }),
      () => 1,
    ).decisive;
  it('counts what the model expects of one who waits', () => {
    expect(decisive(3, expected)).to.equal(40);
  });
  it('leaves out what it expects of one who does not, or may have of those it waits for', () => {
    expect(decisive(1, expected)).to.equal(1);
    const parents = [{ node: 'client|a>b:/', weight: 1, callsPerChild: 1 }];
    expect(decisive(3, { ...expected, node: { ...expected.node, parents } })).to.equal(3);
  });
});

describe('the resource that explains a service', () => {
  const CASES: readonly [name: string, signs: Partial<ServiceSigns>, resource: Resource][] = [
    ['compute slow, nothing measured', { exclusive: [node('server', ['x', 'a'], 50)] }, 'software'],
    [
      'compute slow, far more processor time used than ever',
      { exclusive: [node('server', ['x', 'a'], 50)], features: [feature('cpu_usage_cores', 20)] },
      'cpu',
    ],
    [
      'the same, while no waiting for a processor is seen',
      {
        exclusive: [node('server', ['x', 'a'], 50)],
        features: [feature('cpu_usage_cores', 20), feature('cpu_runqueue_wait_ratio', 0)],
      },
      'software',
    ],
    ...(
      [
        ['as it computes longer', 3, 'llc'],
        ['computing no longer', 1, 'cpu'],
      ] as const
    ).map(([how, ratio, resource]): (typeof CASES)[number] => [
      `it has lost its cache and waits for a processor, ${how}`,
      {
        exclusive: [node('server', ['x', 'a'], 50)],
        excessSeconds: 0.5,
        features: [
          feature('llc_occupancy_bytes', -1, { observed: 0.1, expected: 1 }),
          feature('llc_misses_per_second', 20, { observed: 3, expected: 1 }),
          feature('cpu_usage_cores', 10, { observed: ratio, expected: 1 }),
          feature('cpu_runqueue_wait_ratio', 30),
        ],
      },
      resource,
    ]),
    [
      'its own time is longer by one retransmission, and holds ways that nobody sees',
      { exclusive: [{ ...unseenCalls(60, 201), medianExcessMs: 0, isLossy: true }] },
      'network',
    ],
    [
      'the same, by what no time-out takes',
      { exclusive: [{ ...unseenCalls(60, 300), medianExcessMs: 0, isLossy: true }] },
      'software',
    ],
    [
      'the same, while requests waited for connections',
      {
        exclusive: [{ ...unseenCalls(60, 201), medianExcessMs: 0, isLossy: true }],
        features: [feature('software_pool_wait_ms', 20)],
      },
      'software',
    ],
    [
      'its own time holds ways that nobody sees, and the probe meets a queue',
      {
        exclusive: [unseenCalls(60, 40)],
        features: [feature('network_probe_ms', 0.8, { observed: 0.85, expected: 0.05 })],
      },
      'network',
    ],
    [
      'waits for a processor longer than it runs, little as that is',
      {
        exclusive: [node('server', ['x', 'a'], 50)],
        excessSeconds: 0.07,
        features: [
          feature('cpu_usage_cores', 0, { observed: 0.01, expected: 0.01 }),
          feature('cpu_runqueue_wait_ratio', 2, { observed: 0.06 }),
        ],
      },
      'cpu',
    ],
    [
      'pages are read back from the disk',
      {
        exclusive: [node('server', ['x', 'a'], 50)],
        features: [feature('memory_major_faults_per_second', 40), feature('disk_wait_ratio', 40)],
      },
      'memory',
    ],
    [
      'half of its cache lost, and throttled for computing longer',
      {
        exclusive: [node('server', ['x', 'a'], 50)],
        features: [
          feature('llc_occupancy_bytes', -1, { observed: 1e6, expected: 2e6 }),
          feature('llc_misses_per_second', 4, { observed: 1e5, expected: 2e4 }),
          feature('cpu_throttled_ratio', 15),
        ],
      },
      'llc',
    ],
    [
      'the way back has a tail of retransmissions, its median and the probe being fine',
      {
        shared: [{ ...node('response', ['a', 'b'], 300, 200), medianExcessMs: 0, isLossy: true }],
        features: [feature('network_probe_ms', 0)],
      },
      'network',
    ],
    [
      'the way back is slow at the median, too, and the probe is fine',
      { shared: [node('response', ['a', 'b'], 300, 200)], features: [feature('network_probe_ms', 0)] },
      'software',
    ],
    [
      'the way back is slow and the probe meets a queue',
      {
        shared: [node('response', ['a', 'b'], 300, 20)],
        features: [feature('network_probe_ms', 0.8, { observed: 0.85, expected: 0.05 })],
      },
      'network',
    ],
    [
      'connections run out while the probe meets a queue: they are held for longer',
      { features: [feature('software_pool_wait_ms', 60), feature('network_probe_ms', 60)] },
      'network',
    ],
    [
      'connections run out, and the probe is fine',
      { features: [feature('software_pool_wait_ms', 60), feature('network_probe_ms', 0)] },
      'software',
    ],
    [
      'calls wait for a connection, and the callee serves as ever',
      {
        shared: [
          { ...node('request', ['a', 'b'], 300, 200), medianExcessMs: 0, meanExcessMs: 10, isLossy: true },
        ],
        features: [feature('software_pool_wait_ms', 5, { observed: 9 })],
      },
      'software',
    ],
  ];
  for (const [name, own, resource] of CASES) {
    it(`${name}: ${resource}`, () => {
      const all = new Map([
        ['a', signs('a', own)],
        ['b', signs('b', { exclusive: [node('server', ['a', 'b'], 0)], shared: own.shared ?? [] })],
      ]);
      const parts = attribute('a', all, (service) => (service === 'a' ? 1 : 0));
      expect([...parts].sort((x, y) => y[1] - x[1])[0]?.[0]).to.equal(resource);
    });
  }
});

describe('whose a slow way is', () => {
  const part = (list: readonly ServiceSigns[], service: string, id: string) =>
    assignResponsibility(new Map(list.map((own) => [own.service, own])), NOTHING_ELSE)(service, id);

  it('is told by the slower direction between the two', () => {
    const request = node('request', ['a', 'b'], 37);
    const response = node('response', ['a', 'b'], 156);
    const further = node('response', ['b', 'c'], 20);
    const list = [
      signs('a', { shared: [request, response] }),
      signs('b', { shared: [request, response, further] }),
      signs('c', { shared: [further] }),
    ];
    expect(part(list, 'a', request.node.id)).to.be.above(0.7);
    expect(part(list, 'a', response.node.id)).to.be.above(0.7);
  });

  it("is the caller's where its wait for a connection explains it and the callee serves and answers as ever", () => {
    const request = node('request', ['a', 'b'], 200, 10);
    const caller = signs('a', {
      shared: [request],
      features: [feature('software_pool_wait_ms', 5, { observed: 9 })],
    });
    const callee = (z: number) =>
      signs('b', {
        exclusive: [node('server', ['a', 'b'], 0)],
        shared: [request, node('response', ['a', 'b'], z)],
      });
    expect(part([caller, callee(0)], 'a', request.node.id)).to.be.above(0.9);
    expect(part([caller, callee(100)], 'a', request.node.id)).to.be.below(0.5);

    const queue = (pending: number) =>
      signs('a', {
        shared: [request],
        features: [
          feature('software_pool_wait_ms', 2, { observed: 9 }),
          feature('software_pool_pending', pending),
        ],
      });
    expect(part([queue(6), callee(0)], 'a', request.node.id), 'many that wait').to.be.above(0.9);
    expect(part([queue(1), callee(0)], 'a', request.node.id), 'hardly any').to.be.below(0.5);
  });
});

describe('the order of suspects', () => {
  const outlooks: Readonly<Record<string, Outlook>> = {
    '': { probability: 0, medianMs: 200 },
    oddAndHelps: { probability: 1, medianMs: 100 },
    oddAlone: { probability: 0, medianMs: 200 },
    helpsAlone: { probability: 0.9, medianMs: 100 },
    neither: { probability: 0, medianMs: 195 },
  };
  it('puts who is odd and helps before who is only odd, and that before who only helps', () => {
    const suspects = [
      { service: 'neither', anomaly: 1 },
      { service: 'helpsAlone', anomaly: 0.5 },
      { service: 'oddAlone', anomaly: 300 },
      { service: 'oddAndHelps', anomaly: 20 },
    ];
    const ranked = rankSuspects(suspects, (parts) => outlooks[parts[0]?.service ?? ''] as Outlook, {
      excessMs: 100,
      anomalyThreshold: 6,
    });
    expect(ranked.map(({ service }) => service)).to.deep.equal([
      'oddAndHelps',
      'oddAlone',
      'helpsAlone',
      'neither',
    ]);
  });
});
