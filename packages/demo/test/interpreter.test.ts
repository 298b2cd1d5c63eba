// biome-ignore-all lint/suspicious/noThenProperty: the notation of call trees has a word `then`; none of it is a promise
import { createRng } from '@sage/core';
import { expect } from 'chai';
import { runTree } from '../src/application/topology/interpreter.js';
import {
  collectHandlers,
  collectTargets,
  parseTopology,
  readHotelTopology,
} from '../src/application/topology/topology.js';
import { parseTree } from '../src/application/topology/tree.js';

const NAMES = new Set(['a', 'b']);
const A = { store: { to: 'a', op: 'Get', span: 's' } };
const B = { call: { to: 'b', op: 'Do', client_span: 'c', server_span: 'd', body: { seq: [] } } };
const L = { local: 'sha256' };

async function run(tree: unknown, missRatio: number, seed = 1): Promise<string[]> {
  const done: string[] = [];
  await runTree(
    parseTree(tree, 'tree', NAMES),
    {
      call: async (to, operation) => void done.push(`call ${to} ${operation}`),
      store: async (to, operation) => void done.push(`store ${to} ${operation}`),
      local: (text) => void done.push(text),
      onAsyncError: (error) => void done.push(`async ${String(error)}`),
    },
    { rng: createRng(seed).fork('request'), missRatio },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('runTree', () => {
  const cases: [string, unknown, number, string[]][] = [
    ['seq in order', { seq: [A, B, L] }, 0, ['store a Get', 'call b Do', 'sha256']],
    ['par all', { par: [L, L] }, 0, ['sha256', 'sha256']],
    ['repeat a number', { repeat: { n: 3, mode: 'seq', body: L } }, 0, ['sha256', 'sha256', 'sha256']],
    ['no miss', { repeat: { n: 'ids missing in memcached', mode: 'par', body: L } }, 0, []],
    ['a sure miss', { repeat: { n: 'ids missing in memcached', mode: 'par', body: L } }, 1, ['sha256']],
    ['branch on a hit', { branch: { on: 'hit', p: null, then: A, else: L } }, 0, ['store a Get']],
    ['branch on no hit', { branch: { on: 'hit', p: null, then: A, else: L } }, 1, ['sha256']],
    ['branch with a chance', { branch: { on: 'x', p: 0, then: A, else: L } }, 0, ['sha256']],
    ['async', { seq: [{ async: A }, L] }, 0, ['store a Get', 'sha256']],
  ];
  for (const [name, tree, missRatio, expected] of cases) {
    it(name, async () => expect(await run(tree, missRatio)).to.deep.equal(expected));
  }

  it('draws the nights of a stay once per request', async () => {
    const nights = { repeat: { n: 'nights (1..5, U)', mode: 'seq', body: L } };
    const lengths = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const done = await run({ seq: [nights, A, nights] }, 0, seed);
      const first = done.indexOf('store a Get');
      expect(done.length).to.equal(2 * first + 1);
      lengths.add(first);
    }
    expect([...lengths].sort()).to.deep.equal([1, 2, 3, 4, 5]);
  });
});

describe('parseTree', () => {
  const mistakes: [unknown, RegExp][] = [
    [{ loop: [] }, /expected seq, par, call, .* got "loop"/],
    [{ seq: {} }, /tree\.seq: expected a list/],
    [{ seq: [{ store: { to: 'z', op: 'Get' } }] }, /tree\.seq\[0\]\.store\.to: no component is called "z"/],
    [{ repeat: { n: 'sometimes', body: L } }, /tree\.repeat\.n: expected a number/],
    [{ branch: { on: 'x', p: 2, then: L, else: L } }, /tree\.branch\.p: expected 0\.\.1, got 2/],
    [{ seq: [], par: [] }, /expected one key, got seq, par/],
  ];
  for (const [tree, message] of mistakes) {
    it(`refuses ${JSON.stringify(tree)}`, () => {
      expect(() => parseTree(tree, 'tree', NAMES)).to.throw(message);
    });
  }
});

describe('the hotel topology', () => {
  it('has 14 components, the workload’s four endpoints, and a handler for each call', async () => {
    const read = await readHotelTopology();
    if (!read.ok) throw new Error(read.message);
    expect(read.value.components).to.have.length(14);
    expect(read.value.endpoints.map((one) => [one.name, one.weight])).to.deep.equal([
      ['search', 0.6],
      ['recommend', 0.39],
      ['user', 0.005],
      ['reserve', 0.005],
    ]);
    expect(collectHandlers(read.value).get('profile')?.get('GetProfiles')?.span).to.equal(
      '/profile.Profile/GetProfiles',
    );
    const targets = collectTargets(read.value);
    expect([...(targets.get('search') ?? [])]).to.deep.equal(['geo', 'rate']);
    expect([...(targets.get('rate') ?? [])]).to.deep.equal(['memcached-rate', 'mongodb-rate']);
  });

  it('says what is wrong with another file', () => {
    expect(parseTopology({ services: 3 })).to.deep.include({ ok: false, reason: 'topology' });
    expect(
      parseTopology({ services: [{ name: 'a', kind: 'web' }], endpoints: [{ http: 'GET' }] }),
    ).to.have.property('message', 'endpoints[0].http: expected "METHOD /path", got "GET"');
  });
});
