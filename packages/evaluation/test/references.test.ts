import { quantile, robustScale, type Window } from '@sage/core';
import { expect } from 'chai';
import { type Column, metricOf, serviceLatencyOf, standardiser } from '../src/methods/columns.js';
import { baroMethod, robustZMethod, traversalMethod } from '../src/methods/floors.js';
import { References } from '../src/methods/references.js';
import { asked, evidenceOf } from './three-tiers.js';

const WAIT = 'cpu_runqueue_wait_ratio';

describe('What questions are compared with', () => {
  const evidence = evidenceOf({});
  const { history, window } = evidence;
  const column = metricOf('back', WAIT);
  const valuesOf = (windows: readonly Window[]) => windows.map((item) => column.read(item) as number);

  it('has a column in ascending order, however the past has grown', () => {
    const references = new References();
    for (const count of [3, 100, 100, 101, history.length]) {
      const sorted = references.of(evidence, history.slice(0, count)).sorted(column);
      expect([...sorted]).to.deep.equal(valuesOf(history.slice(0, count)).sort((a, b) => a - b));
    }
  });

  it('reads a window once for all the questions after it', () => {
    const references = new References();
    let reads = 0;
    const counted: Column = {
      ...column,
      read: (item) => {
        reads += 1;
        return column.read(item);
      },
    };
    for (const count of [100, 150, 200]) references.of(evidence, history.slice(0, count)).sorted(counted);
    expect(reads).to.equal(200);
  });

  const OTHERS: readonly (readonly [string, readonly Window[]])[] = [
    ['a shorter past', history.slice(0, 50)],
    ['a past without a window of before', history.filter((_, i) => i !== 7)],
    ['another past', history.slice(100)],
    ['none', []],
  ];
  for (const [what, windows] of OTHERS) {
    it(`keeps nothing for ${what}`, () => {
      const references = new References();
      references.of(evidence, history.slice(0, 120)).sorted(column);
      expect([...references.of(evidence, windows).sorted(column)]).to.deep.equal(
        valuesOf(windows).sort((a, b) => a - b),
      );
    });
  }

  it('keeps nothing for another graph or objective', () => {
    const references = new References();
    const before = references.of(evidence, history);
    const graph = { ...evidence.graph };
    const objective = { ...evidence.objective };
    expect(references.of({ ...evidence, graph }, history)).to.not.equal(before);
    expect(references.of({ ...evidence, objective }, history)).to.not.equal(before);
  });

  it('scales by the median and the interquartile range of what is known', () => {
    const gappy: Column = {
      ...column,
      read: (item) => (item === history[3] ? Number.NaN : column.read(item)),
    };
    const known = valuesOf(history.filter((_, i) => i !== 3));
    const { center, spread } = robustScale(known, column.resolution(known));
    const z = standardiser(gappy, new References().of(evidence, history))(window);
    expect(z).to.equal(((column.read(window) as number) - center) / spread);
  });

  it('resolves a latency by its median', () => {
    const latency = serviceLatencyOf('front', evidence);
    const sorted = history.map((item) => latency.read(item) as number).sort((a, b) => a - b);
    expect(latency.resolution(sorted)).to.be.closeTo(0.05 * quantile(sorted, 0.5), 1e-12);
  });
});

describe('Methods that are asked again and again', () => {
  const questions = [3, 1, 2].map((seed) => evidenceOf({ back: { ownMs: 60, [WAIT]: 2 } }, seed));
  for (const method of [robustZMethod, baroMethod, traversalMethod]) {
    it(`${method.name} answers what it answers when asked that alone`, () => {
      const grown = questions.flatMap((evidence) =>
        [100, 200].map((count) => ({ ...evidence, history: evidence.history.slice(0, count) })),
      );
      const first = grown.map((evidence) =>
        method.answer(asked(evidence)).ranked.map(({ service }) => service),
      );
      const again = grown
        .toReversed()
        .map((evidence) => method.answer(asked(evidence)).ranked.map(({ service }) => service))
        .toReversed();
      expect(again).to.deep.equal(first);
    });
  }
});
