import { expect } from 'chai';
import { loadTopology, TOPOLOGY_NAMES, TopologyError } from '../src/index.js';
import { readTopology } from '../src/read-topology.js';

const call = (to: string, body: object = { seq: [] }) => ({
  call: { to, op: 'get', client_span: null, server_span: 'get', body },
});

function file(tree: object, others: object = {}): string {
  const service = (name: string) => ({ name, jaeger_service: name, kind: 'logic' });
  return JSON.stringify({
    services: ['front', 'a', 'b'].map(service),
    pools: [],
    endpoints: [{ name: 'get', weight: 1, entry: 'front', root_spans: ['GET'], tree }],
    ...others,
  });
}

describe('topologies', () => {
  for (const name of TOPOLOGY_NAMES) {
    it(`${name} comes with the package`, () => {
      const { services, endpoints } = loadTopology(name);
      expect(services.length).to.be.at.least(10);
      expect(endpoints.length).to.be.at.least(1);
    });
  }

  const endpoint = { name: 'get', weight: 0.4, entry: 'front', root_spans: [], tree: call('a') };
  const wrong: [what: string, text: string, path: string, problem: RegExp][] = [
    ['no JSON', '{"services": [', '$', /is no JSON/],
    ['no services', '{}', '$.services', /should be a list, is missing/],
    ['an unknown callee', file(call('x')), '$.endpoints[0].tree.call.to', /unknown service "x"/],
    [
      'a cycle of calls',
      file(call('a', call('b', call('a')))),
      '$.endpoints[0].tree.call.body.call.body.call.to',
      /cycle of calls: a → b → a/,
    ],
    [
      'a cycle of fragments',
      file(
        { goto: 'f' },
        { endpoints: [{ ...endpoint, weight: 1, tree: { goto: 'f' }, fragments: { f: { goto: 'f' } } }] },
      ),
      '$.endpoints[0].fragments.f.goto',
      /"f" contains itself/,
    ],
    ['weights below 1', file({}, { endpoints: [endpoint] }), '$.endpoints', /add up to 1, add up to 0\.4/],
    [
      'a share above 1',
      file(JSON.parse('{"branch": {"on": "hit", "p": 1.2, "then": {"seq": []}, "else": {"seq": []}}}')),
      '$.endpoints[0].tree.branch.p',
      /at most 1, is 1\.2/,
    ],
    ['an unknown kind of node', file({ fork: [] }), '$.endpoints[0].tree', /one of the keys seq, par/],
    [
      'a pool of nobody',
      file(call('a'), { pools: [{ owner: 'y', target: 'a', kind: 'http', max: 1, wait_ms: 1 }] }),
      '$.pools[0].owner',
      /unknown service "y"/,
    ],
    [
      'the same service twice',
      file(call('a'), { services: [1, 2].map(() => ({ name: 'a', jaeger_service: 'a', kind: 'logic' })) }),
      '$.services[1]',
      /"a" comes twice/,
    ],
  ];
  for (const [what, text, path, problem] of wrong) {
    it(`refuses ${what} and says where`, () => {
      expect(() => readTopology(text, 'shop.json'))
        .to.throw(TopologyError, problem)
        .that.includes({ file: 'shop.json', path });
    });
  }

  it('names the file that is not there', () => {
    expect(() => loadTopology('/nowhere/shop.json')).to.throw(
      /\/nowhere\/shop\.json: \$: neither one of social-network/,
    );
  });
});
