import { OUTSIDE, type RpcKey, type RpcObservation, rpcId } from '@sage/core';
import { expect } from 'chai';
import { CallGraphBuilder } from '../src/index.js';

const front: RpcKey = { caller: OUTSIDE, callee: 'front', operation: 'GET /' };
const cart: RpcKey = { caller: 'front', callee: 'cart', operation: 'add' };
const redis: RpcKey = { caller: 'cart', callee: 'redis', operation: 'SET' };

function root(): RpcObservation {
  return {
    rpc: front,
    endMs: 0,
    clientMs: undefined,
    serverMs: 10,
    requestMs: undefined,
    responseMs: undefined,
    parent: undefined,
    criticality: undefined,
  };
}

function call(rpc: RpcKey, parent: RpcKey | undefined, criticality: number | undefined = 1): RpcObservation {
  return { rpc, endMs: 0, clientMs: 5, serverMs: 3, requestMs: 1, responseMs: 1, parent, criticality };
}

function store(rpc: RpcKey, parent: RpcKey): RpcObservation {
  return { ...call(rpc, parent), serverMs: undefined, requestMs: undefined, responseMs: undefined };
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

const MINUTES = 60_000;

describe('CallGraphBuilder', () => {
  it('counts calls, mean criticality and kinds, sorted', () => {
    const builder = new CallGraphBuilder();
    builder.add(
      [
        ...times(40, root),
        ...times(60, () => call(cart, front, 1)),
        ...times(20, () => call(cart, front, 0)),
        ...times(30, () => store(redis, cart)),
      ],
      0,
    );
    expect(builder.graph(0)).to.deep.equal({
      services: ['cart', 'front', 'redis'],
      rpcs: [
        { id: rpcId(front), key: front, count: 40, kinds: ['server'] },
        { id: rpcId(redis), key: redis, count: 30, kinds: ['client'] },
        { id: rpcId(cart), key: cart, count: 80, kinds: ['client', 'request', 'response', 'server'] },
      ],
      edges: [
        {
          parent: rpcId(front),
          child: rpcId(cart),
          callsPerParent: 2,
          criticality: 0.75,
          awaited: 1,
          beside: [],
        },
        {
          parent: rpcId(cart),
          child: rpcId(redis),
          callsPerParent: 0.375,
          criticality: 1,
          awaited: 1,
          beside: [],
        },
      ],
    });
  });

  const support: [name: string, calls: number, expected: readonly string[]][] = [
    ['below 1 % of the parent', 9, ['front']],
    ['at 1 % of the parent', 10, ['cart', 'front']],
  ];
  for (const [name, calls, services] of support) {
    it(`a child ${name}: services ${services.join(', ')}`, () => {
      const builder = new CallGraphBuilder({ minCalls: 1 });
      builder.add([...times(1000, root), ...times(calls, () => call(cart, front))], 0);
      expect(builder.graph(0).services).to.deep.equal(services);
    });
  }

  const rare: [name: string, atMs: number, calls: number, expected: readonly string[]][] = [
    ['young: one call is enough', 0, 1, ['cart', 'front']],
    ['half a horizon old: 9 calls are not', 5 * MINUTES, 9, ['front']],
    ['half a horizon old: 10 calls are', 5 * MINUTES, 10, ['cart', 'front']],
    ['a horizon old: 19 calls are not', 10 * MINUTES - 1, 19, ['front']],
  ];
  for (const [name, atMs, calls, services] of rare) {
    it(name, () => {
      const builder = new CallGraphBuilder();
      builder.add([...times(100, root), ...times(calls, () => call(cart, front))], 0);
      expect(builder.graph(atMs).services).to.deep.equal(services);
    });
  }

  it('leaves out what is reached only through what it left out', () => {
    const builder = new CallGraphBuilder({ minCalls: 1 });
    builder.add(
      [...times(1000, root), ...times(2, () => call(cart, front)), ...times(100, () => store(redis, cart))],
      0,
    );
    expect(builder.graph(0).services).to.deep.equal(['front']);
  });

  it('forgets calls after the horizon, bucket by bucket', () => {
    const builder = new CallGraphBuilder({ horizonSeconds: 60, bucketSeconds: 30, minCalls: 1 });
    builder.add([...times(30, root), ...times(30, () => call(cart, front))], 0);
    builder.add(times(30, root), 45_000);
    const services = (atMs: number) => builder.graph(atMs).services;
    expect(services(89_999)).to.deep.equal(['cart', 'front']);
    expect(services(90_000)).to.deep.equal(['front']);
    expect(services(120_000)).to.deep.equal([]);
    expect(builder.stats().bucketsHeld).to.equal(0);
  });

  it('leaves out kinds that come of lost spans only', () => {
    const builder = new CallGraphBuilder();
    builder.add(
      [...times(100, root), ...times(96, () => store(redis, front)), ...times(4, () => call(redis, front))],
      0,
    );
    expect(builder.graph(0).rpcs.find((rpc) => rpc.id === rpcId(redis))?.kinds).to.deep.equal(['client']);
  });

  it('counts what goes beyond its bound', () => {
    const builder = new CallGraphBuilder({ maxRpcs: 10 });
    builder.add(
      Array.from({ length: 25 }, (_, i) => call({ ...cart, operation: `GET /item/${i}` }, undefined)),
      0,
    );
    expect(builder.graph(0).rpcs).to.have.length(10);
    expect(builder.stats()).to.deep.equal({ observations: 25, overflow: 15, bucketsHeld: 1 });
  });

  it('the order of observations makes no difference', () => {
    const observations = [
      ...times(5, root),
      ...times(5, () => call(cart, front)),
      ...times(5, () => store(redis, cart)),
    ];
    const graphOf = (list: RpcObservation[]) => {
      const builder = new CallGraphBuilder();
      for (const one of list) builder.add([one], 0);
      return builder.graph(0);
    };
    expect(graphOf([...observations].reverse())).to.deep.equal(graphOf(observations));
  });
});
