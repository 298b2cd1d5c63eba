import { expect } from 'chai';
import { addCallee, insertBetween, removeService, scaleWork } from '../src/edit-topology.js';
import { editTopology, loadTopology, simulate, type Topology } from '../src/index.js';
import { readTopology } from '../src/read-topology.js';
import { nodesOf } from '../src/topology-nodes.js';
import { demandOf } from '../src/world/demand.js';

const call = (to: string, ...body: object[]) => ({
  call: { to, op: 'get', client_span: null, server_span: 'get', body: { seq: body } },
});

/** front calls a and b side by side; a calls its store, b calls a. Two of the three that arrive start the last. */
const shop = readTopology(
  JSON.stringify({
    services: ['front', 'a', 'b', 'store', 'last'].map((name) => ({
      name,
      jaeger_service: name,
      kind: name === 'store' ? 'db' : 'logic',
    })),
    pools: [
      { owner: 'front', target: 'a', kind: 'thrift', max: 8, wait_ms: 100 },
      { owner: 'a', target: 'store', kind: 'mongo', max: 4, wait_ms: null },
      { owner: 'b', target: 'a', kind: 'thrift', max: 2, wait_ms: null },
    ],
    endpoints: [
      {
        name: 'get',
        weight: 1,
        entry: 'front',
        root_spans: ['GET'],
        fragments: { end: call('last') },
        tree: {
          par: [
            call('a', call('store'), { last_arrival: 'end' }),
            call('b', call('a'), { last_arrival: 'end' }),
          ],
        },
      },
    ],
  }),
  'shop.json',
);

/** `caller>callee`, as often as it stands in the trees. */
function callsOf({ endpoints }: Topology): string[] {
  const below = (caller: string, node: Parameters<typeof nodesOf>[0]): string[] => {
    switch (node.kind) {
      case 'call':
        return [`${caller}>${node.to}`, ...below(node.to, node.body)];
      case 'seq':
      case 'par':
        return node.nodes.flatMap((inner) => below(caller, inner));
      case 'last-arrival':
        return below(caller, node.body);
      default:
        return [];
    }
  };
  return endpoints.flatMap(({ entry, tree }) => below(entry, tree));
}

const namesOf = ({ services }: Topology) => services.map(({ name }) => name);
const poolsOf = ({ pools }: Topology) => pools.map(({ owner, target, max }) => `${owner}>${target} ${max}`);

describe('updates of a topology', () => {
  it('add a callee before all else that its caller does, wherever that is called', () => {
    const more = addCallee(shop, 'a', 'tags');
    expect(callsOf(more)).to.deep.equal([
      'front>a',
      'a>tags',
      'a>store',
      'a>last',
      'front>b',
      'b>a',
      'a>tags',
      'b>last',
    ]);
    expect(namesOf(more)).to.deep.equal([...namesOf(shop), 'tags']);
    expect(poolsOf(more)).to.deep.equal([...poolsOf(shop), 'a>tags 4']);
    expect(callsOf(addCallee(shop, 'front', 'gate'))[0]).to.equal('front>gate');
  });

  it('put a service between two, and leave other callers of the callee alone', () => {
    const longer = insertBetween(shop, { caller: 'front', callee: 'a' }, 'proxy');
    expect(callsOf(longer)).to.deep.equal([
      'front>proxy',
      'proxy>a',
      'a>store',
      'a>last',
      'front>b',
      'b>a',
      'b>last',
    ]);
    expect(poolsOf(longer)).to.deep.equal(['front>proxy 8', 'proxy>a 8', 'a>store 4', 'b>a 2']);
  });

  it('remove a service with what only it called; joins wait for those who still arrive', () => {
    const less = removeService(shop, 'a');
    expect(callsOf(less)).to.deep.equal(['front>b', 'b>last']);
    expect(namesOf(less)).to.deep.equal(['front', 'b', 'last']);
    expect(poolsOf(less)).to.deep.equal([]);
    const joins = (topology: Topology) =>
      topology.endpoints.flatMap(({ tree }) =>
        [...nodesOf(tree)].flatMap((node) => (node.kind === 'last-arrival' ? [node.of] : [])),
      );
    expect(joins(shop)).to.deep.equal([2, 2]);
    expect(joins(less)).to.deep.equal([1]);
  });

  it('scale what a service takes, and nothing else', () => {
    const heavy = scaleWork(shop, 'b', { cpu: 5, memory: 2 });
    const demand = (topology: Topology, name: string) => demandOf(topology).get(name)?.cpuMs ?? Number.NaN;
    expect(demand(heavy, 'b')).to.be.closeTo(5 * demand(shop, 'b'), 1e-9);
    expect(demand(heavy, 'a')).to.equal(demand(shop, 'a'));
    expect(heavy.services[2]).to.include({ memoryMb: 180, memoryLimitMb: 360 });
  });

  it('change nothing of what they are given, and are undone by the opposite', () => {
    const before = JSON.stringify(shop);
    const there = addCallee(scaleWork(shop, 'a', { cpu: 2 }), 'b', 'tags');
    expect(JSON.stringify(shop)).to.equal(before);
    const { services, pools } = scaleWork(removeService(there, 'tags'), 'a', { cpu: 0.5 });
    expect({ services, pools }).to.deep.equal({ services: shop.services, pools: shop.pools });
  });

  const refused: readonly (readonly [string, () => Topology, RegExp])[] = [
    ['a caller that is not there', () => addCallee(shop, 'x', 'tags'), /has no service x/],
    ['a name that is taken', () => addCallee(shop, 'a', 'b'), /has a service b already/],
    [
      'a place between two that do not call each other',
      () => insertBetween(shop, { caller: 'b', callee: 'store' }, 'proxy'),
      /b does not call store/,
    ],
    ['to remove where requests come in', () => removeService(shop, 'front'), /requests come in at front/],
    ['to remove what is not there', () => removeService(shop, 'x'), /has no service x/],
    ['to scale what is not there', () => scaleWork(shop, 'x', { cpu: 2 }), /has no service x/],
  ];
  for (const [what, edit, problem] of refused) {
    it(`refuse ${what}`, () => expect(edit).to.throw(RangeError, problem));
  }

  it('are simulated: a new service sends spans, a removed one none, and who is put between calls in its caller’s place', () => {
    const network = loadTopology('social-network');
    const changed = editTopology(network, [
      { edit: 'addCallee', caller: 'compose-post-service', name: 'hashtag-service' },
      {
        edit: 'insertBetween',
        caller: 'url-shorten-service',
        callee: 'url-shorten-mongodb',
        name: 'url-preprocessing',
      },
      { edit: 'scaleWork', name: 'url-preprocessing', cpu: 5 },
      { edit: 'removeService', name: 'user-timeline-service' },
    ]);
    const callersOf = (topology: Topology) => {
      const spans = [...simulate(topology, { durationMs: 60_000, steady: true })].flatMap(
        (batch) => batch.spans,
      );
      const service = new Map(spans.map((span) => [span.spanId, span.service]));
      // The last of all may have parents that have not ended yet.
      return new Map(
        spans.flatMap(({ operation, parentSpanId }) => {
          const caller = service.get(parentSpanId ?? '');
          return caller === undefined ? [] : [[operation, caller] as const];
        }),
      );
    };
    const [before, after] = [callersOf(network), callersOf(changed)];
    expect(before.get('read_user_timeline_server')).to.equal('nginx-web-server');
    expect(after.has('read_user_timeline_server')).to.equal(false);
    expect(after.get('hashtag-service_client')).to.equal('compose-post-service');
    expect(after.get('url_mongo_insert_client')).to.equal('url-preprocessing');
    expect(namesOf(changed)).not.to.include.members(['user-timeline-redis']);
  });
});
