import type { NodeAction } from '@sage/core';
import { expect } from 'chai';
import { Node, request, type Tree } from './fixture.js';
import { at, atV1, config, expectRefusal, expectWrites, putDisk, v1, v2 } from './group-trees.js';

const diskWeight = (value: number): NodeAction => ({ kind: 'disk-weight', target: 'rate', weight: value });

describe('disk weights', () => {
  let node: Node;
  afterEach(() => node.remove());
  const disk = (scheduler: string) => {
    putDisk(node, scheduler);
    node.put('/proc/100/mountinfo', '27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n');
  };

  for (const [what, scheduler, tree, action, writes] of [
    [
      'BFQ, v2, beside a weight of one device',
      'none [bfq]',
      v2({ 'io.bfq.weight': 'default 100\n' }),
      diskWeight(320),
      [[at('io.bfq.weight'), 'default 120', 'default 100']],
    ],
    [
      'BFQ, v2, of older kernels',
      '[bfq]',
      v2({ 'io.bfq.weight': '100\n' }),
      diskWeight(50),
      [[at('io.bfq.weight'), '50', '100']],
    ],
    [
      'the cost model, v2',
      '[none] bfq',
      { ...v2(), '/sys/fs/cgroup/io.cost.qos': '8:16 enable=0\n8:0 enable=1 ctrl=auto\n' },
      diskWeight(320),
      [[at('io.weight'), 'default 320', 'default 100']],
    ],
    [
      'BFQ, v1',
      '[bfq]',
      v1({ 'blkio.bfq.weight': '100\n' }),
      diskWeight(320),
      [[atV1('blkio.bfq.weight'), '120', '100']],
    ],
    [
      'CFQ, v1',
      'noop [cfq]',
      v1({ 'blkio.weight': '500\n' }),
      diskWeight(150),
      [[atV1('blkio.weight'), '750', '500']],
    ],
  ] as const satisfies readonly (readonly [
    string,
    string,
    Tree,
    NodeAction,
    readonly (readonly [string, string, string])[],
  ])[]) {
    it(`are written: ${what}`, async () => {
      node = new Node(tree);
      disk(scheduler);
      await expectWrites(node, config, action, writes);
    });
  }

  it('changes the default of disk weights, and leaves those of single devices', async () => {
    node = new Node(v2({ 'io.bfq.weight': 'default 100\n8:16 50\n' }));
    disk('[bfq]');
    const path = at('io.bfq.weight');
    const base = node.system();
    // The kernel takes one line and shows all.
    const write = (file: string, text: string) =>
      base.write(file, file === path ? `${text}\n8:16 50\n` : text);
    const keeper = node.keeper(node.site(node.config(config), { ...base, write }));
    const { outcome } = await keeper.submit(request('k', diskWeight(210)));
    expect(outcome.status, outcome.message).to.equal('applied');
    expect(node.get(path)).to.equal('default 110\n8:16 50\n');
    await keeper.release('k');
    expect(node.get(path)).to.equal('default 100\n8:16 50\n');
  });

  it('are refused where nothing heeds them', async () => {
    node = new Node(v2());
    disk('none [mq-deadline]');
    await expectRefusal(node, config, diskWeight(200), [
      'unsupported',
      'no disk weight has an effect on 8:0 (mq-deadline)',
    ]);
  });
});
