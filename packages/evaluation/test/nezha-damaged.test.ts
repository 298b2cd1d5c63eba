import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { nezhaSuite } from '../src/index.js';
import { readFaults } from '../src/suites/nezha-faults.js';
import { boutiqueTree, FAULTS, labels, POD_COLUMNS, printed, trainTicketTree } from './nezha-tree.js';
import { messageOf, plant, type Tree } from './tree.js';

const OPTIONS = { seed: 1, progress: () => {}, nowMs: () => 0 };
const OB = 'online-boutique';
const TT = 'train-ticket';

describe('Nezha, damaged', () => {
  const boutique = boutiqueTree();
  const trainTicket = trainTicketTree();
  const cart = `${OB}/metric/cart-5f6585d649-fnmft_metric.csv`;
  const edited = (tree: Tree, path: string, edit: (text: string) => string): Tree => ({
    ...tree,
    [path]: edit(String(tree[path])),
  });
  const faults = (content: unknown): Tree => ({
    ...boutique,
    [`${OB}/fault_list.json`]: typeof content === 'string' ? content : JSON.stringify(content),
  });
  const spans = (content: string | Buffer | undefined): Tree => ({
    ...trainTicket,
    [`${TT}/trace/03_38_trace.csv.gz`]: typeof content === 'string' ? gzipSync(content) : content,
  });
  const HEAD = 'TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n';
  const DAMAGED: readonly (readonly [name: string, tree: Tree, message: string | RegExp, system?: string])[] =
    [
      [
        'an unknown system',
        boutique,
        "there is no system 'shop'; those of Nezha are online-boutique, train-ticket",
        'shop',
      ],
      [
        'no folder of the system',
        boutique,
        `…/${TT} does not exist; metric/ and fault_list.json are expected in it`,
        TT,
      ],
      [
        'no list of faults',
        { ...boutique, [`${OB}/fault_list.json`]: undefined },
        /^…\/online-boutique\/fault_list\.json cannot be read: ENOENT/,
      ],
      ['a list of faults that is not JSON', faults('{'), /^…\/online-boutique\/fault_list\.json is not JSON/],
      [
        'a list of faults without hours',
        faults([]),
        `…/${OB}/fault_list.json: an object with a list of faults for each hour is expected`,
      ],
      [
        'an hour without a list',
        faults({ '03': {} }),
        `…/${OB}/fault_list.json, "03": a list of faults is expected`,
      ],
      ['no fault at all', faults({ '03': [] }), `…/${OB}/fault_list.json holds no fault`],
      [
        'a fault without a time',
        faults({ '03': [FAULTS['03'][0], { inject_type: 'return' }] }),
        `…/${OB}/fault_list.json, "03", fault 2: inject_time must be a text, not undefined`,
      ],
      [
        'a fault at no time',
        faults({ '03': [{ inject_time: 'noon', inject_type: 'return' }] }),
        `…/${OB}/fault_list.json, "03", fault 1, inject_time: 'noon' is not a time such as 2022-08-22 03:53:54`,
      ],
      [
        'a fault of no sort',
        faults({ '03': [{ inject_time: '2022-08-22 03:38:30', inject_type: 7 }] }),
        `…/${OB}/fault_list.json, "03", fault 1: inject_type must be a text, not 7`,
      ],
      [
        'a fault on another day',
        faults({ '03': [{ inject_time: '2022-08-29 03:38:30', inject_type: 'return' }] }),
        `…/${OB}/metric/front_service.csv saw no request during the fault of 2022-08-29T03:38:30/return`,
      ],
      [
        'no front service',
        { ...boutique, [`${OB}/metric/front_service.csv`]: undefined },
        /^…\/online-boutique\/metric\/front_service\.csv cannot be read: ENOENT/,
      ],
      [
        'a front service without p95',
        edited(boutique, `${OB}/metric/front_service.csv`, (text) => text.replace('LatencyP95(s)', 'p95')),
        /^…\/online-boutique\/metric\/front_service\.csv has no column 'LatencyP95\(s\)'; it has Time, /,
      ],
      [
        'a front service without rows',
        edited(boutique, `${OB}/metric/front_service.csv`, (text) => `${text.split('\n')[0]}\n`),
        `…/${OB}/metric/front_service.csv has no rows`,
      ],
      [
        'a front service of nobody',
        edited(boutique, `${OB}/metric/front_service.csv`, (text) =>
          text.replace('LatencyP90(s),LatencyP95(s)', 'LatencyP95(s),LatencyP90(s)'),
        ),
        `…/${OB}/metric/front_service.csv: LatencyP95(s) is no pod's PodServerLatencyP95(s), so that it is unknown whose it is`,
      ],
      [
        'a time that is none',
        edited(boutique, cart, (text) => text.replace(printed(2, 900), 'later')),
        `…/${cart}, line 4, Time: 'later' is not a time such as 2022-08-22 03:53:54`,
      ],
      [
        'no pods',
        Object.fromEntries(Object.entries(boutique).filter(([path]) => !path.endsWith('_metric.csv'))),
        `…/${OB}/metric holds no <pod>_metric.csv files`,
      ],
      [
        'a pod without a column',
        edited(boutique, cart, (text) => text.replace('CpuUsage(m)', 'cpu')),
        `…/${cart} has no column 'CpuUsage(m)'; it has ${POD_COLUMNS.join(', ').replace('CpuUsage(m)', 'cpu')}`,
      ],
      [
        'a pod of no service',
        edited(boutique, cart, (text) => text.replace('cart-5f6585d649-fnmft', 'cart')),
        `…/${cart}, line 2, PodName: 'cart' is not a pod's name such as cartservice-579f59597d-wc2lz`,
      ],
      [
        'a service with two pods',
        {
          ...boutique,
          [cart.replace('fnmft', 'zzzzz')]: String(boutique[cart]).replaceAll('fnmft', 'zzzzz'),
        },
        `…/${cart.replace('fnmft', 'zzzzz')}, line 2: a second reading of cart in one minute; one pod of each is expected`,
      ],
      [
        'a word for a number',
        edited(boutique, cart, (text) => text.replace(/(\n(?:[^,]*,){3})[^,]*/, '$1much')),
        `…/${cart}, line 2, column 4: 'much' is not a number`,
      ],
      [
        'no dependencies',
        { ...boutique, [`${OB}/metric/dependency.csv`]: undefined },
        /^…\/online-boutique\/metric\/dependency\.csv cannot be read: ENOENT/,
      ],
      [
        'dependencies without targets',
        edited(boutique, `${OB}/metric/dependency.csv`, (text) => text.replace('Target', 'To')),
        `…/${OB}/metric/dependency.csv has no column 'Target'; it has Source, To, Weight`,
      ],
      [
        'dependencies of others',
        { ...boutique, [`${OB}/metric/dependency.csv`]: 'Source,Target\na,b\n' },
        `…/${OB}/metric/dependency.csv has no call between services that have pods`,
      ],
      [
        'a call without medians',
        edited(boutique, `${OB}/metric/source_50.csv`, (text) => text.replace('shop_cart', 'cart_shop')),
        `…/${OB}/metric/source_50.csv has no column 'shop_cart'; it has time, timestamp, shop_stock, cart_shop`,
      ],
      [
        'no medians at the callee',
        { ...boutique, [`${OB}/metric/destination_50.csv`]: undefined },
        /^…\/online-boutique\/metric\/destination_50\.csv cannot be read: ENOENT/,
      ],
      [
        'no traces',
        spans(undefined),
        `…/${TT}/trace does not exist; HH_MM_trace.csv.gz files is expected there`,
        TT,
      ],
      [
        'no traces of calm',
        { ...trainTicket, [`${TT}/trace_faultfree/03_10_trace.csv`]: undefined },
        `…/${TT}/trace_faultfree does not exist; HH_MM_trace.csv.gz files is expected there`,
        TT,
      ],
      [
        'a trace that is not packed',
        spans(Buffer.from('TraceID')),
        `…/${TT}/trace/03_38_trace.csv.gz cannot be read: incorrect header check`,
        TT,
      ],
      [
        'spans without parents',
        spans('TraceID,SpanID\n'),
        `…/${TT}/trace/03_38_trace.csv.gz has no column 'ParentID'; it has TraceID, SpanID`,
        TT,
      ],
      [
        'a span without a duration',
        spans(`${HEAD}t,a,root,gate-1-2,/x,1000,0,\n`),
        `…/${TT}/trace/03_38_trace.csv.gz, line 2, column 8: a number is expected`,
        TT,
      ],
      [
        'a span of no pod',
        spans(`${HEAD}t,a,root,gate,/x,1000,0,1\n`),
        `…/${TT}/trace/03_38_trace.csv.gz, line 2, PodName: 'gate' is not a pod's name such as cartservice-579f59597d-wc2lz`,
        TT,
      ],
      [
        'spans that make no call',
        {
          ...spans(`${HEAD}t,a,gone,gate-1-2,/x,1000,0,1\n`),
          [`${TT}/trace_faultfree/03_10_trace.csv`]: HEAD,
        },
        `…/${TT}/trace: the spans make no call`,
        TT,
      ],
    ];
  for (const [name, tree, message, system = OB] of DAMAGED) {
    it(`${name} is named before anything is learnt`, async () => {
      const root = plant(tree);
      const learnt = () => {
        throw new Error('went on to learn');
      };
      const thrown = await messageOf(root, () =>
        nezhaSuite({ ...OPTIONS, progress: learnt, data: root, system }),
      );
      expect(thrown.slice(0, 11)).to.equal('DataError: ');
      if (typeof message === 'string') expect(thrown.slice(11)).to.equal(message);
      else expect(thrown.slice(11)).to.match(message);
    });
  }

  const list = `${OB}/fault_list.json`;
  const causes = `${OB}/root_cause.json`;
  const good = labels(OB, 'cart', 'shop');
  const MISLABELLED: readonly (readonly [name: string, tree: Tree, message: string | RegExp])[] = [
    [
      'a fault of nobody',
      faults(FAULTS),
      `…/${list}, "03", fault 1: inject_pod must be a text, not undefined`,
    ],
    [
      'a fault of no pod',
      edited(good, list, (text) => text.replace('cart-5f6585d649-fnmft', 'cart')),
      `…/${list}, "03", fault 1, inject_pod: 'cart' is not a pod's name such as cartservice-579f59597d-wc2lz`,
    ],
    [
      'no causes',
      { ...good, [causes]: undefined },
      /^…\/online-boutique\/root_cause\.json cannot be read: ENOENT/,
    ],
    [
      'no cause of the service',
      { ...good, [causes]: '{}' },
      `…/${causes}, "cart": cpu_contention must be a text, not undefined`,
    ],
    [
      'no cause of the sort',
      { ...good, [causes]: '{"cart": {}}' },
      `…/${causes}, "cart": cpu_contention must be a text, not undefined`,
    ],
  ];
  for (const [name, tree, message] of MISLABELLED) {
    it(`${name} is named when scores are given, not before`, async () => {
      const root = plant(tree);
      const [fault] = readFaults(join(root, OB));
      const thrown = await messageOf(root, () => fault?.truth());
      if (typeof message === 'string') expect(thrown).to.equal(`DataError: ${message}`);
      else expect(thrown.slice(11)).to.match(message);
    });
  }
});
