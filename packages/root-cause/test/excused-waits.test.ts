import { type Intervention, type LatencyNode, NO_INTERVENTION } from '@sage/causal-graph';
import type { FeatureName, LatencyNodeId, Window } from '@sage/core';
import { expect } from 'chai';
import { type FeatureAnomaly, type NodeAnomaly, noSigns, type ServiceSigns } from '../src/anomaly.js';
import { type ExcusedWait, excusedWaits, withExcusedWaits } from '../src/excused-waits.js';
import type { NormalReference } from '../src/normal-reference.js';

/** `front` calls `back`, which calls `store`, all without client spans: waits are in the caller's own time. */
const CHAIN: readonly string[] = ['store', 'back', 'front', '(outside)'];
const NODES: readonly LatencyNode[] = CHAIN.slice(0, -1).map((callee, index) => {
  const called = CHAIN[index - 1];
  return {
    id: idOf(callee, CHAIN[index + 1] as string),
    kind: 'server',
    rpc: { caller: CHAIN[index + 1] as string, callee, operation: '/' },
    owners: [callee],
    parents: called === undefined ? [] : [{ node: idOf(called, callee), weight: 1, callsPerChild: 1 }],
  };
});
const [STORE, BACK, FRONT] = NODES.map(({ id }) => id) as [LatencyNodeId, LatencyNodeId, LatencyNodeId];
const NORMAL_MS = 10;

function idOf(callee: string, caller: string): LatencyNodeId {
  return `server|${caller}>${callee}:/`;
}

function feature(name: FeatureName, z: number): FeatureAnomaly {
  return { feature: name, observed: z, expected: 0, z, ownZ: z };
}

/** What was seen: by how much each serves slower than usual, ms, and what its readings are, in z. */
interface Seen {
  readonly slowerMs: Readonly<Record<string, number>>;
  readonly readings: Readonly<Record<string, Partial<Record<FeatureName, number>>>>;
  /** Parts of own time that are of somebody whom nobody traces. */
  readonly lent?: Readonly<Record<string, number>>;
}

function waitsSeen({ slowerMs, readings, lent = {} }: Seen) {
  const observedMs = ({ rpc }: LatencyNode) => NORMAL_MS + (slowerMs[rpc.callee] ?? 0);
  const entry = (node: LatencyNode): NodeAnomaly => ({
    node,
    observedMs: observedMs(node),
    expectedMs: NORMAL_MS,
    z: 0,
    slowness: slowerMs[node.rpc.callee] ?? 0,
    ...{ excessMs: 0, medianExcessMs: 0, meanExcessMs: 0, isLossy: false },
  });
  // Effects first: the order must come from the graph.
  const signs = new Map<string, ServiceSigns>(
    [...NODES].reverse().map((node) => [
      node.rpc.callee,
      {
        ...noSigns(node.rpc.callee),
        features: Object.entries(readings[node.rpc.callee] ?? {}).map(([name, z]) =>
          feature(name as FeatureName, z),
        ),
        exclusive: [entry(node)],
      },
    ]),
  );
  const nodes = new Map(NODES.map((node) => [node.id, node]));
  const stats = { p50Ms: 0, p95Ms: 0, p99Ms: 0, count: 300 };
  const window: Window = {
    ...{ startMs: 0, endMs: 30_000, metrics: new Map() },
    latency: new Map(NODES.map(({ id }) => [id, stats])),
  };
  return excusedWaits({
    view: {
      target: NODES[2] as LatencyNode,
      nodes,
      ancestors: new Set(nodes.keys()),
      services: [...signs.keys()],
      owned: new Map(NODES.map((node) => [node.rpc.callee, [node]])),
      hiddenWays: new Map(),
    },
    signs,
    window,
    reference: { latency: () => ({ center: NORMAL_MS, spread: 1 }) } as unknown as NormalReference,
    abduction: {
      window,
      residual: (id) => {
        const node = nodes.get(id) as LatencyNode;
        return { observedMs: observedMs(node), expectedMs: NORMAL_MS, z: 0 };
      },
    },
    percentile: 'p95Ms',
    responsibility: (service, id) => (nodes.get(id)?.owners.includes(service) ? 1 - (lent[service] ?? 0) : 0),
  });
}

const waiting = (z: number) => ({ software_pool_wait_ms: z });

describe('waits for connections that slow callees keep', () => {
  const CASES: readonly [name: string, seen: Seen, excused: readonly string[]][] = [
    ['are excused', { slowerMs: { store: 90 }, readings: { back: waiting(60) } }, ['back']],
    [
      'are excused causes first, where one waits for another that waits',
      { slowerMs: { store: 90, back: 150 }, readings: { front: waiting(40), back: waiting(60) } },
      ['back', 'front'],
    ],
    ['are not, where the callee serves as ever', { slowerMs: {}, readings: { back: waiting(60) } }, []],
    ['are none, where nobody waits', { slowerMs: { store: 90 }, readings: { back: waiting(1) } }, []],
    [
      'are none, where the processor explains that connections are held',
      {
        slowerMs: { store: 90 },
        readings: { back: { ...waiting(30), cpu_runqueue_wait_ratio: 40 } },
      },
      [],
    ],
  ];
  for (const [name, seen, excused] of CASES) {
    it(name, () => {
      expect(waitsSeen(seen).map(({ service }) => service)).to.deep.equal(excused);
    });
  }

  const restored = (seen: Seen, nowMs: (node: LatencyNodeId, done: Intervention) => number) =>
    withExcusedWaits(NO_INTERVENTION, waitsSeen(seen), (done, node) => Float64Array.of(nowMs(node, done)));
  const waitOf = ({ metrics }: Intervention, service: string) =>
    metrics.get(service)?.get('software_pool_wait_ms');

  it('go by as much as of the connections that are kept too long', () => {
    // Of 90 ms too long 30 are left: two thirds of the wait go, and of what is unexplained where it shows.
    const done = restored({ slowerMs: { store: 90 }, readings: { back: waiting(60) } }, () => NORMAL_MS + 30);
    expect(waitOf(done, 'back')).to.be.closeTo(20, 1e-9);
    expect(done.exogenous.get(BACK)).to.be.closeTo(1 / 3, 1e-3);
    expect(done.exogenous.has(FRONT)).to.equal(false);
    expect(done.exogenous.has(STORE)).to.equal(false);
  });

  it('stay where the callee stays slow', () => {
    const done = restored({ slowerMs: { store: 90 }, readings: { back: waiting(60) } }, () => NORMAL_MS + 90);
    expect(done).to.deep.equal(NO_INTERVENTION);
  });

  it('go as far as they are excused, where the callee is a little slow', () => {
    // Strengths 10 of 28: of what is left the service has to answer for itself.
    const done = restored({ slowerMs: { store: 12 }, readings: { back: waiting(30) } }, () => NORMAL_MS);
    expect(waitOf(done, 'back')).to.be.closeTo(30 * (1 - 10 / 28), 1e-9);
    expect(done.exogenous.get(BACK)).to.be.closeTo(1 - 12 ** 6 / (12 ** 6 + 20 ** 6), 1e-9);
  });

  it('go with somebody whom nobody traces as far as what he takes of its own time goes', () => {
    const seen = { slowerMs: { back: 90 }, readings: { back: waiting(60) }, lent: { back: 0.8 } };
    const restoredBy = (keep: number) =>
      withExcusedWaits({ ...NO_INTERVENTION, exogenous: new Map([[BACK, keep]]) }, waitsSeen(seen), () =>
        Float64Array.of(NORMAL_MS + 90),
      );
    // Strengths: 0.8 · 30 of 30 excuse it.
    expect(waitOf(restoredBy(0.2), 'back')).to.be.closeTo(60 * (1 - 0.8), 1e-9);
    expect(waitOf(restoredBy(0.6), 'back')).to.be.closeTo(60 * (1 - 0.4), 1e-9);
    expect(restoredBy(1).metrics.size).to.equal(0);
  });

  it('leave what is unexplained to a service that suffers as much itself', () => {
    const readings = { back: { ...waiting(60), disk_wait_ratio: 60 } };
    const done = restored({ slowerMs: { store: 90 }, readings }, () => NORMAL_MS);
    expect(done.exogenous.get(BACK)).to.be.closeTo(0.5, 1e-3);
  });

  it('go on to who waits for him that waited, in the world where he does no more', () => {
    const seen = { slowerMs: { store: 90, back: 150 }, readings: { front: waiting(40), back: waiting(60) } };
    const done = restored(seen, (node, before) =>
      node === STORE ? NORMAL_MS : NORMAL_MS + 2.5 * (waitOf(before, 'back') ?? 60),
    );
    expect(waitOf(done, 'back')).to.be.closeTo(0, 1e-9);
    expect(waitOf(done, 'front')).to.be.closeTo(0, 1e-9);
  });

  it('go, on the way to a callee, by what its own calls keep: a pool leads to one', () => {
    const node = (kind: LatencyNode['kind'], callee: string): LatencyNode => ({
      id: `${kind}|front>${callee}:/`,
      kind,
      rpc: { caller: 'front', callee, operation: '/' },
      owners: ['front', callee],
      parents: [],
    });
    const call = (callee: string) => ({
      node: node('client', callee),
      ...{ normalMs: NORMAL_MS, excessMs: 60, perSecond: 10 },
    });
    const wait: ExcusedWait = {
      service: 'front',
      waits: [feature('software_pool_wait_ms', 40)],
      part: 1,
      calls: [call('a'), call('b')],
      nodes: [node('request', 'a'), node('request', 'b')],
      unexplainedPart: 1,
    };
    // `a` is as quick as ever, and calls to `b` take as long as before.
    const done = withExcusedWaits(NO_INTERVENTION, [wait], (_, id) =>
      Float64Array.of(id === 'client|front>a:/' ? NORMAL_MS : NORMAL_MS + 60),
    );
    expect(done.exogenous.get('request|front>a:/')).to.equal(0);
    expect(done.exogenous.get('request|front>b:/')).to.equal(1);
    expect(waitOf(done, 'front')).to.equal(20);
  });
});
