import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Orchestrator, openOrchestrator } from '../src/index.js';
import { parsePlacement } from '../src/static-file/placement-file.js';
import { eventually, refusal, type TestDeps, tempFolder, testDeps, unwrap } from './support.js';

const ID = '4f1c'.repeat(16);
const PLACEMENT = `
services:
  cart:
    - { node: node-1, replica: cart-a, address: 10.0.0.7, containers: [${ID}] }
    - node: node-2
`;

describe('a placement file', () => {
  it('says where services run', () => {
    expect(unwrap(parsePlacement(PLACEMENT))).to.deep.equal([
      { service: 'cart', replica: 'cart-a', node: 'node-1', containerIds: [ID], address: '10.0.0.7' },
      { service: 'cart', replica: 'cart-2', node: 'node-2', containerIds: [], address: undefined },
    ]);
  });

  const refused: [string, string, RegExp][] = [
    ['nothing', '', /^invalid: \(top level\): /],
    ['no services', 'cart: []', /services: expected a mapping .*unknown key cart: expected one of services/],
    ['no node', 'services: { cart: [{ replica: a }] }', /services\.cart\.0\.node: /],
    [
      'an unknown key',
      'services: { cart: [{ node: a, nodes: b }] }',
      /services\.cart\.0: unknown key nodes: expected one of node, replica, containers, address/,
    ],
    [
      'an id that is none',
      'services: { cart: [{ node: a, containers: [x] }] }',
      /containers\.0: expected the 64/,
    ],
    [
      'a replica twice',
      'services: { a: [{ node: x, replica: r }], b: [{ node: x, replica: r }] }',
      /replica r is there twice/,
    ],
    ['broken YAML', 'services: [\n  {', /^invalid: .*at line/],
  ];
  for (const [what, text, expected] of refused) {
    it(`is refused with ${what}`, () => expect(refusal(parsePlacement(text))).to.match(expected));
  }

  describe('that is followed', () => {
    let file: string;
    let deps: TestDeps;
    let orchestrator: Orchestrator;
    beforeEach(async () => {
      file = join(tempFolder(), 'placement.yaml');
      writeFileSync(file, PLACEMENT);
      deps = testDeps();
      orchestrator = unwrap(await openOrchestrator({ kind: 'static', file, pollSeconds: 0.02 }, deps));
    });
    afterEach(() => orchestrator.close());

    it('is read again when it changes', async () => {
      writeFileSync(file, 'services: { rate: [{ node: node-3 }] }');
      await eventually('it is read', () => orchestrator.instances()[0]?.service === 'rate');
    });

    it('leaves what is known when it cannot be used, says so once, and is read when it can', async () => {
      writeFileSync(file, 'services: 7');
      await eventually('it is said', () => deps.lines.length === 1);
      await new Promise((resolve) => setTimeout(resolve, 80));
      expect(deps.lines).to.have.length(1);
      expect(deps.lines[0]).to.match(/^the placement was refused; the present one stays .*services: /);
      expect(orchestrator.instances()).to.have.length(2);
      rmSync(file);
      await eventually('that it is gone is said', () => deps.lines.length === 2);
      writeFileSync(file, 'services: { rate: [{ node: node-3 }] }');
      await eventually('it is read', () => orchestrator.instances().length === 1);
    });

    it('scales nothing, and says why', async () => {
      expect(refusal(await orchestrator.scale('cart', 3))).to.match(
        /^unsupported: .* says where cart runs; nothing/,
      );
      expect(refusal(await orchestrator.scaleState('cart'))).to.match(/^unsupported: /);
      expect(refusal(await orchestrator.scaleState('rate'))).to.match(/^not-found: .* has no service rate$/);
    });
  });

  it('must be there at the start', async () => {
    const config = { kind: 'static', file: '/nowhere/placement.yaml', pollSeconds: 1 } as const;
    expect(refusal(await openOrchestrator(config, testDeps()))).to.match(
      /^invalid: the placement cannot be read: ENOENT/,
    );
  });
});
