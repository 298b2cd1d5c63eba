import { type LatencyKind, OUTSIDE, type RpcKey, rpcId } from '@sage/core';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  ancestorServices,
  buildCausalGraph,
  type CallGraph,
  type CausalGraph,
  calledBy,
  serviceEdges,
} from '../src/index.js';

const FULL: readonly LatencyKind[] = ['client', 'request', 'response', 'server'];

type RpcRow = [caller: string, callee: string, kinds: readonly LatencyKind[], count?: number];
type EdgeRow = [
  parent: number,
  child: number,
  callsPerParent?: number,
  criticality?: number,
  beside?: readonly number[],
];

/** A call graph of rows; every operation is `op`, edges name rows by their position. */
function callGraph(rows: readonly RpcRow[], edges: readonly EdgeRow[] = []): CallGraph {
  const rpcs = rows.map(([caller, callee, kinds, count = 100]) => {
    const key: RpcKey = { caller, callee, operation: 'op' };
    return { id: rpcId(key), key, kinds, count };
  });
  const services = new Set(rpcs.flatMap(({ key }) => [key.caller, key.callee]));
  services.delete(OUTSIDE);
  return {
    services: [...services].sort(),
    rpcs,
    edges: edges.map(([parent, child, callsPerParent = 1, criticality = 1, beside = []]) => ({
      parent: rpcs[parent]?.id ?? '',
      child: rpcs[child]?.id ?? '',
      callsPerParent,
      criticality,
      awaited: 0.9,
      beside: beside.map((row) => rpcs[row]?.id ?? ''),
    })),
  };
}

const shop = callGraph(
  [
    [OUTSIDE, 'front', ['server']],
    ['front', 'cart', FULL],
    ['front', 'ads', ['server']],
    ['cart', 'redis', ['client']],
  ],
  [
    [0, 1, 0.5, 0.8],
    [0, 2, 1, 0],
    [1, 3, 3, 1],
  ],
);

function asRows(graph: CausalGraph): string[] {
  return graph.latency.map(
    ({ id, owners, parents }) =>
      `${id} [${owners.join(' ')}] <- ${parents.map((p) => `${p.node}*${p.weight}x${p.callsPerChild}`).join(' ')}`,
  );
}

function expectCausesFirst(graph: CausalGraph): void {
  const seen = new Set<string>();
  for (const node of graph.latency) {
    for (const parent of node.parents)
      expect(seen.has(parent.node), `${parent.node} before ${node.id}`).to.equal(true);
    seen.add(node.id);
  }
}

describe('buildCausalGraph', () => {
  it('makes the nodes of each kind of call', () => {
    const graph = buildCausalGraph(shop);
    expect(asRows(graph)).to.deep.equal([
      'client|cart>redis:op [cart redis] <- ',
      'request|front>cart:op [front cart] <- ',
      'response|front>cart:op [front cart] <- ',
      'server|front>ads:op [ads] <- ',
      'server|front>cart:op [cart] <- client|cart>redis:op*1x3',
      'client|front>cart:op [front] <- server|front>cart:op*1x1 request|front>cart:op*1x1 response|front>cart:op*1x1',
      'server|(outside)>front:op [front] <- server|front>ads:op*0x1 client|front>cart:op*0.8x0.5',
    ]);
    expect(graph.roots).to.deep.equal(['server|(outside)>front:op']);
    expect(graph.services).to.deep.equal(['ads', 'cart', 'front', 'redis']);
  });

  const roots: [name: string, graph: CallGraph, expected: readonly string[]][] = [
    [
      'a load generator with spans of its own',
      callGraph([['load', 'front', FULL]]),
      ['server|load>front:op'],
    ],
    [
      'two entries, one of them also called from inside',
      callGraph(
        [
          [OUTSIDE, 'front', ['server']],
          [OUTSIDE, 'cart', ['server']],
          ['front', 'cart', FULL],
        ],
        [[0, 2]],
      ),
      ['server|(outside)>cart:op', 'server|(outside)>front:op'],
    ],
  ];
  for (const [name, graph, expected] of roots) {
    it(`roots: ${name}`, () => {
      expect(buildCausalGraph(graph).roots).to.deep.equal(expected);
    });
  }

  const cycles: [name: string, graph: CallGraph, dropped: [effect: string, cause: string]][] = [
    [
      'a call that makes itself',
      callGraph(
        [
          [OUTSIDE, 'a', ['server']],
          ['a', 'a', FULL],
        ],
        [
          [0, 1],
          [1, 1],
        ],
      ),
      ['server|a>a:op', 'client|a>a:op'],
    ],
    [
      'two that call each other: the rarer way back goes',
      callGraph(
        [
          [OUTSIDE, 'a', ['server']],
          ['a', 'b', FULL, 100],
          ['b', 'a', FULL, 30],
        ],
        [
          [0, 1],
          [1, 2, 0.3],
          [2, 1, 0.9],
        ],
      ),
      ['server|b>a:op', 'client|a>b:op'],
    ],
  ];
  for (const [name, graph, [effect, cause]] of cycles) {
    it(`recursion: ${name}`, () => {
      const causal = buildCausalGraph(graph);
      expectCausesFirst(causal);
      const parents = (id: string) =>
        causal.latency.find((node) => node.id === id)?.parents.map((p) => p.node);
      expect(parents(effect)).to.deep.equal([]);
      const edges = graph.edges.length;
      const calls = causal.latency.filter((n) => n.kind === 'server').flatMap((n) => n.parents);
      expect(calls).to.have.length(edges - 1);
      expect(causal.latency.map((node) => node.id)).to.include(cause);
    });
  }

  it('is always acyclic, in order, and the same whatever the order of its input', () => {
    const kinds = fc.constantFrom<readonly LatencyKind[]>(FULL, ['client'], ['server'], ['client', 'server']);
    const service = fc.constantFrom('a', 'b', 'c', 'd', OUTSIDE);
    const graphs = fc
      .uniqueArray(fc.tuple(service, service, kinds, fc.nat(50)), {
        selector: ([caller, callee]) => `${caller}>${callee}`,
        maxLength: 12,
      })
      .chain((rows) =>
        fc.tuple(
          fc.constant(rows),
          fc.uniqueArray(
            fc.tuple(
              fc.nat(Math.max(0, rows.length - 1)),
              fc.nat(Math.max(0, rows.length - 1)),
              fc.nat(9),
              fc.nat(2),
            ),
            { selector: ([parent, child]) => `${parent} ${child}`, maxLength: 60 },
          ),
        ),
      )
      .map(([rows, edges]) => callGraph(rows, rows.length === 0 ? [] : edges));
    fc.assert(
      fc.property(graphs, (graph) => {
        const causal = buildCausalGraph(graph);
        expectCausesFirst(causal);
        expect(new Set(causal.latency.map((node) => node.id)).size).to.equal(causal.latency.length);
        expect(causal.latency).to.have.length(
          graph.rpcs.reduce(
            (n, { kinds }) => n + (kinds.includes('client') && kinds.includes('server') ? kinds.length : 1),
            0,
          ),
        );
        const reversed = { ...graph, rpcs: [...graph.rpcs].reverse(), edges: [...graph.edges].reverse() };
        expect(buildCausalGraph(reversed)).to.deep.equal(causal);
      }),
      { numRuns: 300 },
    );
  });

  it('breaks the cycles of a dense graph', () => {
    const rows = Array.from({ length: 60 }, (_, i): RpcRow => [`s${i}`, `t${i}`, FULL]);
    const edges = rows.flatMap((_, i) => rows.map((__, j): EdgeRow => [i, j, ((i * 31 + j * 17) % 97) / 97]));
    expectCausesFirst(buildCausalGraph(callGraph(rows, edges)));
  });

  it('takes a call chain of any depth', () => {
    const rows = Array.from({ length: 5_000 }, (_, i): RpcRow => [`s${i}`, `s${i + 1}`, FULL]);
    const edges = rows.slice(1).map((_, i): EdgeRow => [i, i + 1]);
    const graph = buildCausalGraph(callGraph(rows, edges));
    expect(graph.latency).to.have.length(20_000);
    expectCausesFirst(graph);
  });
});

describe('fingerprint', () => {
  const base = buildCausalGraph(shop).fingerprint;
  const variants: [name: string, graph: CallGraph, same: boolean][] = [
    [
      'other weights and counts',
      { ...shop, edges: shop.edges.map((e) => ({ ...e, criticality: 0.1, callsPerParent: 7 })) },
      true,
    ],
    ['another order', { ...shop, rpcs: [...shop.rpcs].reverse() }, true],
    ['an edge less', { ...shop, edges: shop.edges.slice(1) }, false],
    [
      'a kind less',
      { ...shop, rpcs: shop.rpcs.map((r, i) => (i === 1 ? { ...r, kinds: ['client', 'server'] } : r)) },
      false,
    ],
    ['an RPC less', { ...shop, rpcs: shop.rpcs.slice(0, 3) }, false],
  ];
  for (const [name, graph, same] of variants) {
    it(`${name}: ${same ? 'equal' : 'different'}`, () => {
      expect(buildCausalGraph(graph).fingerprint === base).to.equal(same);
    });
  }

  it('is short hexadecimal', () => {
    expect(base).to.match(/^[0-9a-f]{16}$/);
  });
});

describe('graph queries', () => {
  const graph = buildCausalGraph(shop);
  const root = 'server|(outside)>front:op';

  const owned: [service: string, expected: readonly string[]][] = [
    ['redis', ['client|cart>redis:op']],
    ['front', ['request|front>cart:op', 'response|front>cart:op', 'client|front>cart:op', root]],
    ['nobody', []],
  ];
  for (const [service, expected] of owned) {
    it(`nodes owned by ${service}`, () => {
      const nodes = graph.latency.filter(({ owners }) => owners.includes(service));
      expect(nodes.map(({ id }) => id)).to.deep.equal(expected);
    });
  }

  it('service edges, without the outside', () => {
    expect(serviceEdges(graph)).to.deep.equal([
      { from: 'cart', to: 'redis' },
      { from: 'front', to: 'ads' },
      { from: 'front', to: 'cart' },
    ]);
  });

  const called: [services: readonly string[], expected: readonly string[]][] = [
    [['front'], ['ads', 'cart', 'redis']],
    [['cart'], ['redis']],
    [['redis'], []],
    [['cart', 'ads'], ['redis']],
    [['nobody'], []],
  ];
  for (const [services, expected] of called) {
    it(`what ${services.join(' and ')} call in the end`, () => {
      expect([...calledBy(graph, services)].sort()).to.deep.equal(expected);
    });
  }

  const causes: [root: string, expected: readonly string[]][] = [
    [root, ['ads', 'cart', 'front', 'redis']],
    ['server|front>cart:op', ['cart', 'redis']],
    ['server|nobody', []],
  ];
  for (const [node, expected] of causes) {
    it(`ancestor services of ${node}`, () => {
      expect(ancestorServices(graph, node)).to.deep.equal(expected);
    });
  }

  it('groups calls made side by side, and lets each count as far as it is waited for', () => {
    const graph = buildCausalGraph(
      callGraph(
        [
          [OUTSIDE, 'front', ['server']],
          ['front', 'a', ['server']],
          ['front', 'b', ['server']],
          ['front', 'c', ['server']],
          ['front', 'd', ['server']],
        ],
        [
          [0, 1, 1, 0.5],
          [0, 2, 1, 0.3, [3]],
          [0, 3, 1, 0.2, [2]],
          // Ten of a kind at once, of which two follow each other on the critical path.
          [0, 4, 10, 0.2, [4]],
        ],
      ),
    );
    const parents = graph.latency.find(({ id }) => id === graph.roots[0])?.parents ?? [];
    expect(
      parents.map(({ node, weight, callsPerChild, group }) => [node.slice(-4), weight, callsPerChild, group]),
    ).to.deep.equal([
      ['a:op', 0.5, 1, undefined],
      ['b:op', 0.9, 1, 0],
      ['c:op', 0.9, 1, 0],
      ['d:op', 0.9, 2, undefined],
    ]);
  });
});
