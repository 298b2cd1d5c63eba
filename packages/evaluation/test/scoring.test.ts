import { expect } from 'chai';
import {
  type CaseResult,
  type EvaluationResult,
  type Ranked,
  resultOf,
  type Summary,
  summarise,
  type Truth,
  table,
} from '../src/index.js';

const answer = (service: string, probability = 0.5, resource: Ranked['resource'] = null): Ranked => ({
  service,
  resource,
  probability,
});
const A: Truth = { service: 'a', resource: 'cpu' };
const B: Truth = { service: 'b', resource: 'network' };
const ANYTHING: Truth = { service: 'a', resource: null };

function result(
  truth: readonly Truth[],
  ranked: readonly Ranked[],
  blamed: number,
  elapsedMs = 1,
): CaseResult {
  return {
    id: 'x',
    kind: 'k',
    truth,
    ranked,
    blamed,
    verdict: blamed > 0 ? 'culprits' : 'undetermined',
    elapsedMs,
  };
}

describe('scoring', () => {
  const CASES: readonly {
    readonly name: string;
    readonly results: readonly CaseResult[];
    readonly expected: Partial<Summary>;
  }[] = [
    {
      name: 'no case has no score',
      results: [],
      expected: { cases: 0, top1: null, top3: null, f1: null, falsePositiveRate: null, p50DiagnoseMs: null },
    },
    {
      name: 'the culprit first, with its resource',
      results: [result([A], [answer('a', 0.95, 'cpu'), answer('b')], 1)],
      expected: {
        top1: 1,
        resourceTop1: 1,
        f1: 1,
        falsePositiveRate: 0,
        falseNegativeRate: 0,
        confidentWrongRate: 0,
      },
    },
    {
      name: 'the culprit first, with another resource',
      results: [result([A], [answer('a', 0.95, 'disk')], 1)],
      expected: { top1: 1, resourceTop1: 0, f1: 1, confidentWrongRate: 0 },
    },
    {
      name: 'the right resource of another service',
      results: [result([A], [answer('b', 0.95, 'cpu'), answer('a', 0.9, 'cpu')], 1)],
      expected: { top1: 0, top3: 1, resourceTop1: 0, confidentWrongRate: 1, falsePositiveRate: 1 },
    },
    {
      name: 'a resource that nobody knows does not count',
      results: [result([ANYTHING], [answer('a', 0.5, 'disk')], 1), result([A], [answer('a')], 1)],
      expected: { top1: 1, resourceTop1: 0 },
    },
    {
      name: 'the culprit third, fourth and sixth',
      results: [3, 4, 6].map((place) =>
        result(
          [A],
          ['u', 'v', 'w', 'x', 'y', 'z'].map((name, i) => answer(i + 1 === place ? 'a' : name)),
          1,
        ),
      ),
      expected: { top1: 0, top3: 1 / 3, top5: 2 / 3, falseNegativeRate: 1, f1: 0 },
    },
    {
      name: 'ranked first but not blamed: found, and yet missed',
      results: [result([A], [answer('a', 0.99)], 0)],
      expected: { top1: 1, f1: 0, falsePositiveRate: 0, falseNegativeRate: 1, confidentWrongRate: null },
    },
    {
      name: 'one of two culprits',
      results: [result([A, B], [answer('b', 0.7, 'network'), answer('c', 0.2)], 1)],
      expected: { top1: 1, resourceTop1: 1, f1: 2 / 3, falsePositiveRate: 0, falseNegativeRate: 1 },
    },
    {
      name: 'both culprits and somebody else',
      results: [result([A, B], [answer('b', 0.95), answer('a', 0.95), answer('c', 0.95)], 3)],
      expected: { f1: 4 / 5, falsePositiveRate: 1, falseNegativeRate: 0, confidentWrongRate: 1 / 3 },
    },
    {
      name: 'nobody to blame: one silent, one sure of somebody',
      results: [result([], [answer('a', 0.99)], 0), result([], [answer('a', 0.9)], 1)],
      expected: {
        top1: null,
        f1: null,
        falsePositiveRate: 0.5,
        falseNegativeRate: null,
        confidentWrongRate: 1,
      },
    },
    {
      name: 'no answer at all',
      results: [result([A], [], 0)],
      expected: { top1: 0, top5: 0, resourceTop1: 0, f1: 0, falseNegativeRate: 1 },
    },
    {
      name: 'times are quantiles',
      results: [1, 2, 3, 4, 101].map((ms) => result([A], [], 0, ms)),
      expected: { p50DiagnoseMs: 3, p99DiagnoseMs: 97.12 },
    },
  ];
  for (const { name, results, expected } of CASES) {
    it(name, () => {
      const summary = summarise(results, []);
      for (const [figure, value] of Object.entries(expected)) {
        const found = summary[figure as keyof Summary];
        if (typeof value === 'number') expect(found, figure).to.be.closeTo(value, 1e-9);
        else expect(found, figure).to.equal(value);
      }
    });
  }

  it('trainings: the mean fit, the sum of the time', () => {
    const trainings = [0.9, 0.7].map((r2) => ({ r2, foretoldR2: r2 - 0.5, seconds: 20, windows: 100 }));
    const { r2, foretoldR2, trainSeconds } = summarise([], trainings);
    expect(r2).to.be.closeTo(0.8, 1e-9);
    expect(foretoldR2).to.be.closeTo(0.3, 1e-9);
    expect(trainSeconds).to.equal(40);
  });

  it('only a verdict of culprits blames', () => {
    const blamed = [answer('a')];
    const verdicts = (['culprits', 'workload', 'undetermined', 'no-violation'] as const).map((verdict) => {
      const found = { id: 'x', kind: 'k', answer: { verdict, blamed, ranked: blamed }, elapsedMs: 1 };
      return resultOf(found, [A]).blamed;
    });
    expect(verdicts).to.deep.equal([1, 0, 0, 0]);
  });
});

describe('the table of results', () => {
  const summary: Summary = {
    cases: 20,
    top1: 0.9,
    top3: 1,
    top5: 1,
    resourceTop1: null,
    f1: 0.456,
    falsePositiveRate: 0.05,
    falseNegativeRate: 0.1,
    confidentWrongRate: 0,
    r2: 0.951,
    foretoldR2: 0.428,
    trainSeconds: 41.04,
    p50DiagnoseMs: 9.04,
    p99DiagnoseMs: 120,
  };
  const of = (method: string, kinds: EvaluationResult['kinds']): EvaluationResult => ({
    suite: 'petshop',
    method,
    seed: 7,
    backend: 'wasm',
    cases: [],
    summary,
    kinds,
    notes: ['detected: all'],
  });

  it('has a row for each method and, where there are several, for each kind', () => {
    const text = table([
      of('sage', { latency: summary, availability: { ...summary, cases: 4, top1: 0 } }),
      of('random', { latency: summary }),
    ]);
    expect(text).to.equal(
      [
        'suite petshop, seed 7, backend wasm; held-out R² 0.95 (0.43 foretold), trained in 41.0 s',
        'detected: all',
        'method          cases  top-1  top-3  top-5  resource    F1    FP    FN  sure, wrong  p50 ms  p99 ms',
        'sage               20   0.90   1.00   1.00         –  0.46  0.05  0.10         0.00     9.0   120.0',
        '  latency          20   0.90   1.00   1.00         –  0.46  0.05  0.10         0.00     9.0   120.0',
        '  availability      4   0.00   1.00   1.00         –  0.46  0.05  0.10         0.00     9.0   120.0',
        'random             20   0.90   1.00   1.00         –  0.46  0.05  0.10         0.00     9.0   120.0',
        '',
      ].join('\n'),
    );
  });

  it('names the methods that could not be asked', () => {
    expect(table([], ['oracle', 'seer'])).to.match(
      /\nleft out, for want of labelled runs with queue depths: oracle, seer\n$/,
    );
  });

  it('without results has its header only', () => {
    expect(table([])).to.equal(
      'method  cases  top-1  top-3  top-5  resource  F1  FP  FN  sure, wrong  p50 ms  p99 ms\n',
    );
  });
});
