import type { LatencyNode } from '@sage/causal-graph';
import type { FeatureName } from '@sage/core';
import { expect } from 'chai';
import type { FeatureAnomaly, NodeAnomaly, ServiceSigns } from '../src/anomaly.js';
import { assignResponsibility, splitBlame } from '../src/responsibility.js';

describe('splitBlame', () => {
  const CASES: readonly [name: string, strengths: readonly number[], parts: readonly number[]][] = [
    ['nothing known: evenly', [0, 0], [0.5, 0.5]],
    ['equally strong: evenly', [20, 20], [0.5, 0.5]],
    ['one sign against none takes nearly all', [28, 0], [1, 0]],
    ['a weak sign against none takes most', [1, 0], [0.919, 0.081]],
    ['the stronger explains the weaker away', [28, 12], [0.99, 0.01]],
    ['noise is not enough to clear the other', [0.5, 0], [0.792, 0.208]],
    ['negative strength is none', [-5, 0], [0.5, 0.5]],
    ['a single owner', [7], [1]],
  ];
  for (const [name, strengths, parts] of CASES) {
    it(name, () => {
      const split = [...splitBlame(strengths.map((strength, i) => ({ owner: `s${i}`, strength }))).values()];
      parts.forEach((part, i) => {
        expect(split[i]).to.be.closeTo(part, 0.001);
      });
      expect(split.reduce((sum, part) => sum + part, 0)).to.be.closeTo(1, 1e-12);
    });
  }
});

/** A view of nothing but the signs. */
const NOTHING_ELSE = { owned: new Map(), hiddenWays: new Map() };

describe('assignResponsibility', () => {
  const link = (caller: string, callee: string, z: number): NodeAnomaly => ({
    node: {
      id: `request|${caller}>${callee}`,
      kind: 'request',
      rpc: { caller, callee, operation: '/' },
      owners: [caller, callee],
      parents: [],
    } satisfies LatencyNode,
    observedMs: 10,
    expectedMs: 1,
    z,
    slowness: z,
    excessMs: 0,
    medianExcessMs: 0,
    meanExcessMs: 0,
    isLossy: false,
  });
  const feature = (name: FeatureName, z: number): FeatureAnomaly => ({
    feature: name,
    observed: z,
    expected: 0,
    z,
    ownZ: z,
  });

  interface Case {
    readonly name: string;
    /** z per edge of a star: front calls a, b and c. */
    readonly edges: Readonly<Record<string, number>>;
    readonly features?: Readonly<Record<string, readonly FeatureAnomaly[]>>;
    /** Whose the edge front>a is, at least to 0.8. */
    readonly guilty: string;
  }
  const CASES: readonly Case[] = [
    { name: 'only one edge slow: the leaf', edges: { a: 40, b: 0, c: 0 }, guilty: 'a' },
    { name: 'all edges slow: their hub', edges: { a: 40, b: 40, c: 40 }, guilty: 'front' },
    {
      name: 'a probe that says which',
      edges: { a: 40, b: 0, c: 0 },
      features: { front: [feature('network_probe_ms', 0)], a: [feature('network_probe_ms', 30)] },
      guilty: 'a',
    },
    {
      name: 'a caller kept off its processor, whose other edges suffer less',
      edges: { a: 40, b: 5, c: 5 },
      features: { front: [feature('cpu_runqueue_wait_ratio', 25)] },
      guilty: 'front',
    },
    {
      name: 'a full pool of the caller is an effect of the slow link of the callee',
      edges: { a: 40, b: 0, c: 0 },
      features: { front: [feature('software_pool_wait_ms', 90)], a: [feature('network_probe_ms', 30)] },
      guilty: 'a',
    },
  ];
  for (const test of CASES) {
    it(test.name, () => {
      const edges = Object.entries(test.edges).map(([callee, z]) => link('front', callee, z));
      const signs = new Map(
        ['front', 'a', 'b', 'c'].map((service): [string, ServiceSigns] => [
          service,
          {
            service,
            features: test.features?.[service] ?? [],
            excessSeconds: 0,
            exclusive: [],
            shared: edges.filter(({ node }) => node.owners.includes(service)),
          },
        ]),
      );
      const responsibility = assignResponsibility(signs, NOTHING_ELSE);
      expect(responsibility(test.guilty, 'request|front>a')).to.be.at.least(0.8);
      for (const { node } of edges) {
        const sum = responsibility('front', node.id) + responsibility(node.rpc.callee, node.id);
        expect(sum).to.be.closeTo(1, 1e-12);
      }
      expect(responsibility('b', 'request|front>a')).to.equal(0);
    });
  }

  const hub = (
    service: string,
    entries: readonly NodeAnomaly[],
    features: readonly FeatureAnomaly[] = [],
  ) => ({
    service,
    features,
    excessSeconds: 0,
    exclusive: entries.filter(({ node }) => node.owners.length === 1),
    shared: entries.filter(({ node }) => node.owners.length > 1),
  });

  it('retransmissions on all edges are those of the link they share, the rarer ones too', () => {
    const lost = (callee: string, observedMs: number): NodeAnomaly => ({
      ...link('front', callee, 3 * observedMs),
      isLossy: true,
    });
    const [a, b, c] = [lost('a', 600), lost('b', 202), lost('c', 198)];
    const signs = new Map<string, ServiceSigns>([
      ['front', hub('front', [a, b, c])],
      ['a', hub('a', [a])],
      ['b', hub('b', [b])],
      ['c', hub('c', [c])],
    ]);
    expect(assignResponsibility(signs, NOTHING_ELSE)('front', a.node.id)).to.be.at.least(0.7);
  });

  describe('ways to several callees that are slow while those to others are not', () => {
    const CASES: readonly (readonly [
      name: string,
      slow: readonly string[],
      front: readonly FeatureAnomaly[],
      b: readonly FeatureAnomaly[],
      guilty: string,
      isLossy?: boolean,
    ])[] = [
      ['are owed to what they have in common', ['a', 'b'], [], [], 'front'],
      [
        'but where its waits for connections are measured',
        ['a', 'b'],
        [feature('software_pool_wait_ms', 0)],
        [],
        'a',
      ],
      ['nor where the other suffers itself', ['a', 'b'], [], [feature('disk_wait_ratio', 40)], 'a'],
      ['and one alone is owed to whom it leads to', ['a'], [], [], 'a'],
      [
        'though its waits for connections are measured where all lose packets',
        ['a', 'b'],
        [feature('software_pool_wait_ms', 0)],
        [],
        'front',
        true,
      ],
    ];
    for (const [name, slow, front, b, guilty, isLossy = false] of CASES) {
      it(name, () => {
        const callees = ['a', 'b', 'c', 'd', 'e', 'f'];
        const ways = callees.map((callee) => {
          const isSlow = slow.includes(callee);
          return { ...link('front', callee, isSlow ? 40 : 0), isLossy: isSlow && isLossy };
        });
        const signs = new Map<string, ServiceSigns>([
          ['front', hub('front', ways, front)],
          ...callees.map((callee, i): [string, ServiceSigns] => [
            callee,
            hub(callee, [ways[i] as NodeAnomaly], callee === 'b' ? b : []),
          ]),
        ]);
        expect(assignResponsibility(signs, NOTHING_ELSE)(guilty, 'request|front>a')).to.be.at.least(0.8);
      });
    }
  });

  describe('a way of one that is to blame for another', () => {
    /** A calls b and others that are as fast as ever; b calls a store, by as much slower, and one as fast as ever. */
    const partOfCallee = (z: number): number => {
      const ways = [link('a', 'b', z), link('a', 'x', 0), link('a', 'y', 0), link('a', 'z', 0)];
      const further = [link('b', 'store', 400), link('b', 'w', 0)];
      const all = [...ways, ...further];
      const signs = new Map(
        ['a', 'b', 'x', 'y', 'z', 'w', 'store'].map((service): [string, ServiceSigns] => [
          service,
          hub(
            service,
            all.filter(({ node }) => node.owners.includes(service)),
          ),
        ]),
      );
      return assignResponsibility(signs, NOTHING_ELSE)('b', 'request|b>store');
    };
    it('is the likelier to be its own', () => {
      expect(partOfCallee(100)).to.be.at.least(0.8);
    });
    it('is whose it seems where nothing else is', () => {
      expect(partOfCallee(0)).to.be.at.most(0.1);
    });
    it('is not told by itself: what may be of either speaks against nobody', () => {
      const [there, further] = [link('a', 'b', 150), link('b', 'c', 20)];
      const signs = new Map<string, ServiceSigns>([
        ['a', hub('a', [there])],
        ['b', hub('b', [there, further])],
        ['c', hub('c', [further])],
      ]);
      expect(assignResponsibility(signs, NOTHING_ELSE)('a', there.node.id)).to.be.at.least(0.4);
    });
  });

  describe('a call of one span', () => {
    const partOfCaller = (
      front: readonly FeatureAnomaly[],
      store: readonly FeatureAnomaly[],
      meanExcessMs = 0,
    ): number => {
      const way = { ...link('front', 'store', 200), meanExcessMs };
      const call: NodeAnomaly = { ...way, node: { ...way.node, kind: 'client' } };
      const others = ['x', 'y', 'z'].map((callee) => link('front', callee, 0));
      const signs = new Map<string, ServiceSigns>([
        ['front', hub('front', [call, ...others], front)],
        ['store', hub('store', [call], store)],
      ]);
      return assignResponsibility(signs, NOTHING_ELSE)('front', call.node.id);
    };
    it("may be its caller's wait for a connection as well as any want of its callee that nobody measures", () => {
      expect(partOfCaller([], [])).to.be.closeTo(1 / 7, 1e-9);
      expect(
        partOfCaller([], [feature('disk_wait_ratio', 0), feature('memory_pressure_ratio', 0)]),
      ).to.be.closeTo(1 / 5, 1e-9);
    });
    it("is the less its caller's the less of it a wait for connections takes", () => {
      const parts = [90, 60, 45, 0].map((waitMs) =>
        partOfCaller([{ ...feature('software_pool_wait_ms', 30), observed: waitMs }], [], 90),
      );
      expect(parts[0]).to.be.above(0.9);
      expect(parts[3]).to.be.at.most(0.02);
      expect([...parts].sort((a, b) => b - a)).to.deep.equal(parts);
      expect(new Set(parts).size).to.equal(parts.length);
    });
    it('is not where that is measured, or where its callee suffers', () => {
      expect(partOfCaller([feature('software_pool_wait_ms', 0)], [])).to.be.at.most(0.02);
      expect(partOfCaller([], [feature('disk_wait_ratio', 40)])).to.be.at.most(0.02);
    });
  });

  describe('a way over two slow links', () => {
    const CASES: readonly (readonly [name: string, front: number, a: number, part: number])[] = [
      ['each has what probes over it take longer, however much surer one is', 30, 60, 1 / 3],
      ['what probes leave goes to the surer one', 10, 60, 1 / 9],
      ['two that take longer together than the way share it alike', 60, 120, 1 / 3],
      ['a probe within noise bounds nobody', 2, 90, 0],
    ];
    for (const [name, frontMs, aMs, part] of CASES) {
      it(name, () => {
        const way = { ...link('front', 'a', 90), excessMs: 90 };
        const signs = new Map<string, ServiceSigns>([
          ['front', hub('front', [way], [feature('network_probe_ms', frontMs)])],
          ['a', hub('a', [way], [feature('network_probe_ms', aMs)])],
        ]);
        const responsibility = assignResponsibility(signs, NOTHING_ELSE);
        expect(responsibility('front', way.node.id)).to.be.closeTo(part, 0.01);
        expect(responsibility('a', way.node.id)).to.be.closeTo(1 - part, 0.01);
      });
    }
  });

  describe('a way without client spans', () => {
    const served: NodeAnomaly = {
      ...link('outside', 'front', 50),
      node: {
        id: 'server|outside>front',
        kind: 'server',
        rpc: { caller: 'outside', callee: 'front', operation: '/' },
        owners: ['front'],
        parents: [],
      },
      observedMs: 70,
      expectedMs: 40,
    };
    const ways = new Map([['a', [{ node: served.node, callsPerChild: 1 }]]]);
    const partOf = (
      features: readonly FeatureAnomaly[],
      excessesMs: Readonly<Record<string, number>> = {},
    ) => {
      const further = Object.entries(excessesMs).map(([store, excessMs]) => ({
        ...link('a', store, 3 * excessMs),
        excessMs,
      }));
      const signs = new Map<string, ServiceSigns>([
        ['front', hub('front', [served])],
        ['a', hub('a', further, features)],
      ]);
      const responsibility = assignResponsibility(signs, { ...NOTHING_ELSE, hiddenWays: ways });
      expect(responsibility('front', served.node.id) + responsibility('a', served.node.id)).to.equal(1);
      return responsibility('a', served.node.id);
    };
    it("is its callee's as far as probes of the callee take longer", () => {
      expect(partOf([feature('network_probe_ms', 5)])).to.equal(0.5);
      expect(partOf([feature('network_probe_ms', 11)])).to.equal(1);
    });
    it("is its callee's as far as all that is seen over a link with a queue takes longer", () => {
      const short = { ...feature('network_probe_ms', 2), observed: 2, expected: 0.05 };
      expect(partOf([short], { store: 15 })).to.equal(0.5);
      expect(partOf([short], { store: 60, cache: 3 })).to.be.closeTo(0.1, 1e-9);
      expect(partOf([short], { store: 60, cache: 0 })).to.equal(0);
      expect(partOf([{ ...short, expected: 1 }], { store: 15 })).to.equal(0);
    });
    it("is its callee's as far as all that is seen over a link that nobody probes takes longer", () => {
      expect(partOf([], { store: 15 })).to.equal(0.5);
      expect(partOf([], { store: 60, cache: 3 })).to.be.closeTo(0.1, 1e-9);
      expect(partOf([{ ...feature('network_probe_ms', 1), expected: 1 }], { store: 15 })).to.equal(0);
    });
    it("is nobody else's where they take as long as ever", () => {
      expect(partOf([feature('network_probe_ms', 1)])).to.equal(0);
      expect(partOf([])).to.equal(0);
    });
  });
});
