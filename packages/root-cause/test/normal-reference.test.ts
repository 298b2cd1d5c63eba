import { objectiveNode, type Window } from '@sage/core';
import { expect } from 'chai';
import { normalReference } from '../src/normal-reference.js';
import { OBJECTIVE } from './hotel.js';

const node = objectiveNode(OBJECTIVE);
const BROKEN = 500;

/** A window of ten seconds at `load` requests/s; its cpu usage says which it is. */
const at = (index: number, load: number, p99Ms = 50, usage = 0.2): Window => ({
  startMs: index * 10_000,
  endMs: (index + 1) * 10_000,
  latency: new Map([[node, { p50Ms: 10, p95Ms: 20, p99Ms, count: load * 10 }]]),
  metrics: new Map([['frontend', new Map([['cpu_usage_cores', usage] as const])]]),
});

const series = (count: number, make: (index: number) => Window): Window[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('normalReference', () => {
  const CASES: readonly {
    name: string;
    history: readonly Window[];
    windows: number | undefined;
    usage?: number;
  }[] = [
    { name: 'empty history', history: [], windows: undefined },
    { name: 'two windows are too few', history: series(2, (i) => at(i, 50)), windows: undefined },
    {
      name: 'never a violating window',
      history: [...series(20, (i) => at(i, 50)), ...series(30, (i) => at(20 + i, 50, BROKEN, 0.9))],
      windows: 20,
      usage: 0.2,
    },
    {
      name: 'only loads within 20 %',
      history: [...series(15, (i) => at(i, 55)), ...series(30, (i) => at(15 + i, 80, 50, 0.9))],
      windows: 15,
      usage: 0.2,
    },
    {
      name: 'the ten nearest loads where too few are within',
      history: [...series(4, (i) => at(i, 50)), ...series(30, (i) => at(4 + i, 80 + i, 50, 0.4 + i / 100))],
      windows: 10,
    },
    {
      name: 'not what overlaps the violation',
      history: [
        ...series(12, (i) => at(i, 50)),
        ...series(8, () => ({ ...at(99, 50, 50, 0.9), endMs: 1e6 + 1 })),
      ],
      windows: 12,
      usage: 0.2,
    },
    {
      name: 'not the onset of the fault, which met the objective still',
      history: [...series(12, (i) => at(i, 52)), ...series(6, (i) => at(94 + i, 50, 50, 0.9))],
      windows: 12,
      usage: 0.2,
    },
    {
      name: 'the onset, too, where there is hardly anything else',
      history: [...series(9, (i) => at(i, 50)), ...series(1, (i) => at(94 + i, 50))],
      windows: 10,
      usage: 0.2,
    },
    { name: 'only violations', history: series(30, (i) => at(i, 50, BROKEN)), windows: undefined },
  ];
  for (const { name, history, windows, usage } of CASES) {
    it(name, () => {
      const present = at(100, 50, BROKEN);
      const reference = normalReference(history, present, { objective: OBJECTIVE, graph: { roots: [node] } });
      expect(reference?.windows.length).to.equal(windows);
      if (usage === undefined) return;
      const scale = reference?.features('frontend').get('cpu_usage_cores');
      expect(scale).to.deep.equal({ center: usage, spread: 0.02 });
    });
  }

  it('what one in ten windows shows that met the objective is not far from normal', () => {
    const history = series(40, (i) => at(i, 50, 50, i % 10 === 0 ? 0.8 : 0.2));
    const reference = normalReference(history, at(100, 50, BROKEN), {
      objective: OBJECTIVE,
      graph: { roots: [node] },
    });
    const scale = reference?.features('frontend').get('cpu_usage_cores');
    expect(scale?.center).to.equal(0.2);
    expect((0.8 - 0.2) / (scale?.spread ?? 0)).to.be.below(2);
  });
});
