import type { CausalGraph, LatencyNode, LatencyParent } from '@sage/causal-graph';
import type { LatencyStats, Window } from '@sage/core';
import { expect } from 'chai';
import { type NodeAnomaly, noSigns, type ServiceSigns } from '../src/anomaly.js';
import { type GraphView, viewGraph } from '../src/graph-view.js';
import { type MeanExcesses, meanExcesses } from '../src/mean-excess.js';
import { ownDelays } from '../src/own-delays.js';
import { assignResponsibility } from '../src/responsibility.js';

/** Front calls a, which calls a store and b, whom only their own spans show: of the store's calls, only the client's. */
const FRONT = 'server|(outside)>front:/';
const A = 'server|front>a:/';
const B = 'server|a>b:/';
const STORE = 'client|a>store:get';
const SEEN = [FRONT, A, B, STORE];

function latencyNode(id: string, parents: readonly LatencyParent[] = []): LatencyNode {
  const [, kind, caller, callee, operation] = /^(\w+)\|(.+)>(.+):(.+)$/.exec(id) as unknown as string[];
  const rpc = { caller: caller as string, callee: callee as string, operation: operation as string };
  const owners = kind === 'server' ? [rpc.callee] : [rpc.caller, rpc.callee];
  return { id, kind: kind as LatencyNode['kind'], rpc, owners, parents };
}

function call(node: string, callsPerChild = 1): LatencyParent {
  return { node, weight: 1, callsPerChild };
}

function view(nodes: readonly LatencyNode[]): GraphView {
  const services = [...new Set(nodes.flatMap(({ owners }) => owners))].sort();
  const graph: CausalGraph = { fingerprint: '', services, latency: nodes, roots: [FRONT] };
  return viewGraph(graph, FRONT) as GraphView;
}

const VIEW = view([
  latencyNode(STORE),
  latencyNode(B),
  latencyNode(A, [call(STORE), call(B)]),
  latencyNode(FRONT, [call(A)]),
]);

const NORMAL_MS = 1;

type Seen = Readonly<Record<string, readonly [calls: number, excessMs: number]>>;

function windowOf(seen: Seen, hasMeans = true): Window {
  const stats = ([count, excessMs]: readonly [number, number]): LatencyStats => ({
    ...{ p50Ms: 1, p95Ms: 1, p99Ms: 1, count },
    ...(hasMeans ? { meanMs: NORMAL_MS + excessMs } : {}),
  });
  const latency = new Map(Object.entries(seen).map(([node, reading]) => [node, stats(reading)]));
  return { startMs: 0, endMs: 30_000, latency, metrics: new Map() };
}

function meansOf(seen: Seen, { from = VIEW, hasMeans = true } = {}): MeanExcesses {
  const calm = Object.fromEntries(Object.entries(seen).map(([node, [calls]]) => [node, [calls, 0] as const]));
  const windows = [calm, calm, calm].map((usual) => windowOf(usual, hasMeans));
  return meanExcesses(from, { window: windowOf(seen, hasMeans), reference: { windows } });
}

function hidden(seen: Seen, service: string, from = VIEW) {
  return Object.fromEntries(
    [...meansOf(seen, { from }).hiddenCalls(service)].map(([peer, { calls, excessMs }]) => [
      peer,
      [calls, excessMs],
    ]),
  );
}

/** One call in twenty takes 200 ms longer: of the store's only, or of all there and back over the link of a. */
const STORE_LOST: Seen = { [STORE]: [100, 10], [B]: [100, 0], [A]: [100, 10], [FRONT]: [100, 10] };
const A_LOST: Seen = { [STORE]: [100, 10], [B]: [100, 0], [A]: [100, 20], [FRONT]: [100, 30] };

describe('what calls without client spans took longer in the mean', () => {
  it('is nothing where what is seen of the calls they wait for accounts for it', () => {
    expect(hidden(STORE_LOST, 'a')).to.deep.equal({ front: [100, 0], a: [100, 0] });
  });

  it('is what is left: of the calls of a service in its callers, of those it makes in itself', () => {
    expect(hidden(A_LOST, 'a')).to.deep.equal({ front: [100, 10], a: [100, 10] });
    expect(hidden(A_LOST, 'b')).to.deep.equal({ a: [100, 10] });
  });

  it('counts each call that is made, and spreads it over those of its own kind', () => {
    const seen = { [STORE]: [300, 10], [B]: [50, 0], [A]: [100, 36], [FRONT]: [200, 18] } as const;
    expect(hidden(seen, 'a')).to.deep.equal({ front: [100, 0], a: [50, 12] });
  });

  it('of a call that several wait for is as much as each usually makes', () => {
    const other = 'server|front>a:other';
    const two = view([
      latencyNode(STORE),
      latencyNode(B),
      latencyNode(A, [call(STORE, 1), call(B)]),
      latencyNode(other, [call(STORE, 3)]),
      latencyNode(FRONT, [call(A), call(other)]),
    ]);
    // 25 of the store's hundred calls are made by the first, 75 by the other.
    const seen = {
      [STORE]: [100, 8],
      [B]: [50, 0],
      [A]: [50, 9],
      [other]: [50, 12],
      [FRONT]: [50, 21],
    } as const;
    expect(hidden(seen, 'a', two)).to.deep.equal({ front: [100, 0], a: [50, 5] });
  });

  it('is not told of what was not seen, nor without means', () => {
    expect(hidden({ [STORE]: [100, 10], [A]: [100, 20], [FRONT]: [100, 30] }, 'b')).to.deep.equal({});
    const untold = meansOf(A_LOST, { hasMeans: false });
    expect(untold.hiddenCalls('a').size).to.equal(0);
    expect(untold.of(VIEW.nodes.get(STORE) as LatencyNode)).to.equal(undefined);
  });
});

describe('how much longer than usual services took by themselves', () => {
  const delaysOf = (seen: Seen, services: readonly string[], mostly = 'a') => {
    const responsibility = (service: string, id: string) => {
      const owners = VIEW.nodes.get(id)?.owners ?? [];
      return owners.length === 1 || service === mostly ? 1 : 0;
    };
    const found = ownDelays(services, { view: VIEW, responsibility, means: meansOf(seen) });
    return Object.fromEntries(
      [...found].map(([id, { service, delayMs, restMs }]) => [id, [service, delayMs, restMs]]),
    );
  };
  /** Of the 30 ms that a takes longer 20 are the store's, and 6 that front takes beside are its own. */
  const BOTH: Seen = { [STORE]: [100, 20], [B]: [100, 0], [A]: [100, 30], [FRONT]: [100, 36] };

  it('is what is left of the mean of a node, beside all else that it took', () => {
    expect(delaysOf(BOTH, ['front'])).to.deep.equal({ [FRONT]: ['front', 6, 31] });
    expect(delaysOf(BOTH, ['a'])).to.deep.equal({ [A]: ['a', 10, 21], [STORE]: ['a', 20, 1] });
  });

  it('is not told of a node in which another of those out of the ordinary may have a part', () => {
    // Front calls a without client spans, and a calls b so: what their links take is in the caller.
    expect(delaysOf(BOTH, ['front', 'a'])).to.deep.equal({ [A]: ['a', 10, 21], [STORE]: ['a', 20, 1] });
    expect(delaysOf(BOTH, ['a', 'b'])).to.deep.equal({ [STORE]: ['a', 20, 1] });
    expect(delaysOf(BOTH, ['a', 'store'])).to.deep.equal({ [A]: ['a', 10, 21] });
  });

  it('is not told of what is mostly another’s, is noise, or has no means', () => {
    expect(delaysOf(BOTH, ['a'], 'store')).to.deep.equal({ [A]: ['a', 10, 21] });
    const noise: Seen = { ...BOTH, [FRONT]: [100, 30.1] };
    expect(delaysOf(noise, ['front'])).to.deep.equal({});
    const means = meansOf(BOTH, { hasMeans: false });
    expect(ownDelays(['a', 'front'], { view: VIEW, responsibility: () => 1, means }).size).to.equal(0);
  });
});

describe('whose retransmissions are', () => {
  const entryOf = (id: string, isLossy: boolean): NodeAnomaly => ({
    node: VIEW.nodes.get(id) as LatencyNode,
    observedMs: isLossy ? 201 : 1,
    expectedMs: 1,
    z: isLossy ? 660 : 0,
    slowness: 0,
    excessMs: isLossy ? 200 : 0,
    medianExcessMs: 0,
    meanExcessMs: 0,
    isLossy,
  });
  const signs = new Map<string, ServiceSigns>(
    ['front', 'a', 'b', 'store'].map((service) => [
      service,
      {
        ...noSigns(service),
        features: [{ feature: 'software_pool_wait_ms', observed: 0, expected: 0, z: 0, ownZ: 0 }],
        shared: service === 'a' || service === 'store' ? [entryOf(STORE, true)] : [],
        exclusive: SEEN.flatMap((id) =>
          VIEW.nodes.get(id)?.owners.join() === service ? [entryOf(id, false)] : [],
        ),
      },
    ]),
  );
  const partOfCaller = (seen: Seen, hasMeans = true) => {
    return assignResponsibility(signs, VIEW, meansOf(seen, { hasMeans }))('a', STORE);
  };

  it('is a draw between a store and its caller where quantiles are all there is', () => {
    expect(partOfCaller(A_LOST, false)).to.be.within(0.4, 0.6);
    expect(partOfCaller(STORE_LOST, false)).to.equal(partOfCaller(A_LOST, false));
  });

  it('is told by the means of what else goes over the link of the caller', () => {
    // Both of a's other links lose: 2 + 15 · 2.5 / 3 = 14.5 against 2.5 + 15 · 0.5 = 10 is 0.903. None does, and a tenth of
    // one in twenty of a thousand calls, less 0.4 ms of noise each, is three: 2 + 15 · 0.5 / (1 + 2 (1 − e^-3)) = 4.59.
    const often = (seen: Seen): Seen =>
      Object.fromEntries(Object.entries(seen).map(([node, [calls, ms]]) => [node, [10 * calls, ms]]));
    expect(partOfCaller(often(A_LOST))).to.be.closeTo(0.903, 0.001);
    expect(partOfCaller(often(STORE_LOST))).to.be.closeTo(0.0092, 0.0001);
  });

  it('is told by a few hits of a link that sends less, too', () => {
    // Five calls of a thousand, where the store's call is hit fifty times.
    const seen: Seen = { [STORE]: [1000, 10], [B]: [1000, 0], [A]: [1000, 11], [FRONT]: [1000, 12] };
    expect(partOfCaller(seen)).to.be.closeTo(0.903, 0.001);
  });

  it('is told the less the fewer calls there are that could have met one', () => {
    // Of a hundred calls 0.3 of one at least: 2 + 15 · 0.5 / (1 + 2 (1 − e^-0.3)) = 6.94.
    expect(partOfCaller(STORE_LOST)).to.be.closeTo(0.1, 0.001);
  });
});
