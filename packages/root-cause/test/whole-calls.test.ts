import type { LatencyNode } from '@sage/causal-graph';
import { type LatencyKind, latencyNodeId, rpcId } from '@sage/core';
import { expect } from 'chai';
import { type NodeAnomaly, noSigns, type ServiceSigns } from '../src/anomaly.js';
import { assignResponsibility } from '../src/responsibility.js';
import { splitWholeCalls, wholeCallsOf } from '../src/whole-calls.js';

const RPC = { caller: 'a', callee: 'b', operation: '/' };
const idOf = (kind: LatencyKind) => latencyNodeId(kind, rpcId(RPC));
const LEGS: readonly LatencyKind[] = ['request', 'server', 'response'];

type Odd = Partial<Record<LatencyKind, number>>;

/** `a` calls `b`, seen at the ends that `legs` tell, each odd by so many z. */
function signsOf(odd: Odd, legs = LEGS): ReadonlyMap<string, ServiceSigns> {
  const entry = (kind: LatencyKind): NodeAnomaly => {
    const parents = legs.map((leg) => ({ node: idOf(leg), weight: 1, callsPerChild: 1 }));
    const node: LatencyNode = {
      id: idOf(kind),
      kind,
      rpc: RPC,
      owners: kind === 'client' ? ['a'] : kind === 'server' ? ['b'] : ['a', 'b'],
      parents: kind === 'client' ? parents : [],
    };
    const z = odd[kind] ?? 0;
    const excess = { excessMs: z, medianExcessMs: z, meanExcessMs: z };
    return { node, observedMs: 1 + z, expectedMs: 1, z, slowness: z, isLossy: false, ...excess };
  };
  const shared = legs.filter((leg) => leg !== 'server').map(entry);
  return new Map([
    ['a', { ...noSigns('a'), exclusive: [entry('client')], shared }],
    ['b', { ...noSigns('b'), exclusive: legs.includes('server') ? [entry('server')] : [], shared }],
  ]);
}

describe('what is unexplained of a call that is seen at both ends', () => {
  const PARTS: Readonly<Record<string, ReadonlyMap<string, number>>> = {
    [idOf('request')]: new Map([
      ['a', 0.25],
      ['b', 0.75],
    ]),
    [idOf('server')]: new Map([['b', 1]]),
    [idOf('response')]: new Map([
      ['a', 0.5],
      ['b', 0.5],
    ]),
  };
  const CASES: readonly [
    name: string,
    odd: Odd,
    legs: readonly LatencyKind[],
    split: Record<string, number>,
  ][] = [
    ['is whose the odd leg is', { client: 20, request: 30 }, LEGS, { a: 0.25, b: 0.75 }],
    // Strengths 12 and 4: three quarters as the way there, one quarter as the way back.
    [
      'is whose the odd legs are, by how odd they are',
      { client: 20, request: 14, response: 6 },
      LEGS,
      { a: 0.3125, b: 0.6875 },
    ],
    ['is the callee\u2019s where it is odd', { client: 20, server: 10 }, LEGS, { b: 1 }],
    ['is not told where no leg is odd', { client: 20 }, LEGS, {}],
    ['is not asked where there is nothing', { request: 30 }, LEGS, {}],
    ['is the caller\u2019s where the callee has no spans', { client: 20, request: 30 }, ['request'], {}],
  ];
  for (const [name, odd, legs, split] of CASES) {
    it(name, () => {
      const splits = splitWholeCalls(signsOf(odd, legs), (leg) => PARTS[leg]);
      expect(Object.fromEntries(splits.get(idOf('client')) ?? [])).to.deep.equal(split);
    });
  }

  it('goes with the callee, which does not own it', () => {
    const [calls, unseen] = [LEGS, ['request' as const]].map((legs) => {
      const signs = signsOf({}, legs);
      const entries = [...signs.values()].flatMap(({ exclusive, shared }) => [...exclusive, ...shared]);
      const nodes = new Map(entries.map(({ node }) => [node.id, node]));
      const owned = new Map([['b', [...nodes.values()].filter(({ owners }) => owners.includes('b'))]]);
      return wholeCallsOf('b', { owned, nodes }).map(({ id }) => id);
    });
    expect(calls).to.deep.equal([idOf('client')]);
    expect(unseen).to.deep.equal([]);
  });

  it('leaves the caller without a part where the callee\u2019s link loses packets on the way', () => {
    const signs = new Map(signsOf({ client: 16, request: 600 }));
    const callee = signs.get('b') as ServiceSigns;
    const failing = {
      feature: 'network_probe_failure_ratio' as const,
      observed: 0.1,
      expected: 0,
      z: 30,
      ownZ: 30,
    };
    signs.set('b', { ...callee, features: [failing] });
    const part = assignResponsibility(signs, { owned: new Map(), hiddenWays: new Map() });
    expect(part('b', idOf('client'))).to.be.above(0.95);
    expect(part('a', idOf('client'))).to.be.below(0.05);
  });
});
