import type { NodeAction } from '@sage/core';
import { expect } from 'chai';
import { Node, processFiles, request, type Tree } from './fixture.js';
import {
  at,
  atV1,
  CONTAINER_V1,
  CONTAINER_V2,
  ID,
  LIMITS,
  MIB,
  OTHER_ID,
  POD_V1,
  POD_V2,
  snapshot,
  V1_MOUNTS,
  V2_MOUNT,
  v1Group,
  v2Group,
} from './group-trees.js';

const SIDE_V2 = `${POD_V2}/cri-containerd-${OTHER_ID}.scope`;
const SIDE_V1 = `${POD_V1}/${OTHER_ID}`;
const TARGETS = `targets: [{ name: rate, container_id: ${ID}, ${LIMITS} }, { name: side, container_id: ${OTHER_ID}, ${LIMITS} }]`;
const TREE: Tree = {
  ...V2_MOUNT,
  ...v2Group(POD_V2, [], {
    'cpu.max': '80000 100000\n',
    'memory.max': `${600 * MIB}\n`,
    'cpu.weight': '50\n',
  }),
  ...v2Group(CONTAINER_V2, [100], { 'cpu.max': '50000 100000\n', 'memory.max': `${300 * MIB}\n` }),
  ...v2Group(SIDE_V2, [110], { 'cpu.max': '30000 100000\n', 'memory.max': `${300 * MIB}\n` }),
  ...processFiles(100, '0-7'),
  ...processFiles(110, '0-7'),
};
const TREE_V1: Tree = {
  ...V1_MOUNTS,
  ...v1Group(POD_V1, [], { 'cpu.cfs_quota_us': '80000\n' }),
  ...v1Group(CONTAINER_V1, [100], { 'cpu.cfs_quota_us': '50000\n' }),
  ...v1Group(SIDE_V1, [110], { 'cpu.cfs_quota_us': '30000\n' }),
  ...processFiles(100, '0-7'),
  ...processFiles(110, '0-7'),
};
const quota = (target: string, cores: number): NodeAction => ({ kind: 'cpu-quota', target, cores });
const POD_QUOTA = at('cpu.max', POD_V2);

describe('two containers of one pod', () => {
  let node: Node;
  afterEach(() => node.remove());
  const start = (tree = TREE) => {
    node = new Node(tree);
    return node.keeper(node.site(node.config(TARGETS)));
  };
  type Keeper = ReturnType<typeof start>;
  const apply = async (keeper: Keeper, id: string, action: NodeAction) => {
    const { outcome } = await keeper.submit(request(id, action));
    expect(outcome.status, outcome.message).to.equal('applied');
  };

  for (const [what, tree, path, actions, raised, values] of [
    [
      'quota, v2',
      TREE,
      POD_QUOTA,
      [quota('rate', 1), quota('side', 0.5)],
      '150000 100000',
      ['150000 100000', '130000 100000'],
    ],
    [
      'quota, v1',
      TREE_V1,
      atV1('cpu.cfs_quota_us', POD_V1),
      [quota('rate', 1), quota('side', 0.5)],
      '150000',
      ['150000', '130000'],
    ],
    [
      'weight',
      TREE,
      at('cpu.weight', POD_V2),
      [
        { kind: 'cpu-weight', target: 'rate', weight: 300 },
        { kind: 'cpu-weight', target: 'side', weight: 200 },
      ],
      '350',
      ['350', '250'],
    ],
    [
      'memory limit',
      TREE,
      at('memory.max', POD_V2),
      [
        { kind: 'memory-limit', target: 'rate', bytes: 400 * MIB },
        { kind: 'memory-limit', target: 'side', bytes: 500 * MIB },
      ],
      String(900 * MIB),
      [String(900 * MIB), String(700 * MIB)],
    ],
  ] as const satisfies readonly (readonly [
    string,
    Tree,
    string,
    readonly NodeAction[],
    string,
    readonly string[],
  ])[]) {
    for (const [order, first, second] of [
      ['the first', 'a', 'b'],
      ['the second', 'b', 'a'],
    ] as const) {
      it(`raise its ${what} both, and ${order} to go leaves what the other needs`, async () => {
        const keeper = start(tree);
        const before = snapshot(node);
        for (const [index, action] of actions.entries()) await apply(keeper, 'ab'[index] as string, action);
        expect(node.get(path)).to.equal(raised);
        expect((await keeper.release(first))?.outcome.status).to.equal('released');
        expect(node.get(path)).to.equal(values['ab'.indexOf(first)]);
        expect((await keeper.release(second))?.outcome.status).to.equal('released');
        expect(snapshot(node)).to.deep.equal(before);
      });
    }
  }

  it('take over from themselves beside each other, in whatever order they go', async () => {
    for (const order of ['cb', 'bc']) {
      const keeper = start();
      const before = snapshot(node);
      await apply(keeper, 'a', quota('rate', 1));
      await apply(keeper, 'b', quota('side', 0.5));
      await apply(keeper, 'c', quota('rate', 1.5));
      expect(node.get(POD_QUOTA)).to.equal('200000 100000');
      for (const id of order) await keeper.release(id);
      expect(snapshot(node), order).to.deep.equal(before);
      node.remove();
    }
    start();
  });

  it('raise it no further for coming and going', async () => {
    const keeper = start();
    await apply(keeper, 'b', quota('side', 0.5));
    for (let turn = 0; turn < 3; turn++) {
      await apply(keeper, `a${turn}`, quota('rate', 1));
      await keeper.release(`a${turn}`);
      expect(node.get(POD_QUOTA)).to.equal('100000 100000');
    }
  });

  it('get it back from whoever lowers it, and leave it there in the end', async () => {
    const keeper = start();
    await apply(keeper, 'a', quota('rate', 1));
    await apply(keeper, 'b', quota('side', 0.5));
    await keeper.reconcile();
    expect(keeper.driftCounts.found.size, 'of each other').to.equal(0);
    node.put(POD_QUOTA, '70000 100000\n');
    await keeper.reconcile();
    expect(node.get(POD_QUOTA)).to.equal('150000 100000');
    await keeper.release('b');
    expect(node.get(POD_QUOTA)).to.equal('130000 100000');
    await keeper.release('a');
    expect(node.get(POD_QUOTA)).to.equal('70000 100000');
  });

  it('are both undone by the next process, whatever write was the last one', async () => {
    for (let writes = 0; ; writes++) {
      const dying = start();
      const before = snapshot(node);
      const base = node.system();
      let left = writes;
      let crashed = false;
      const write = (path: string, text: string) => {
        crashed ||= left-- === 0;
        if (crashed) throw new Error('the process has ended');
        base.write(path, text);
      };
      await dying.close();
      const keeper = node.keeper(node.site(node.config(TARGETS), { ...base, write }));
      for (const [id, action] of [
        ['a', quota('rate', 1)],
        ['b', quota('side', 0.5)],
        ['c', quota('rate', 1.5)],
      ] as const) {
        await keeper.submit(request(id, action));
      }
      await keeper.release('b');
      const next = node.keeper(node.site(node.config(TARGETS)));
      await next.restore();
      expect((await next.close()).ok).to.equal(true);
      expect(snapshot(node), `after ${writes} writes`).to.deep.equal(before);
      if (!crashed) {
        expect(writes).to.be.greaterThan(6);
        return;
      }
      node.remove();
    }
  });
});
