import { expect } from 'chai';
import { kindsTable } from '../src/experiments/kinds-table.js';
import { pairedOf } from '../src/experiments/paired.js';
import { r2Of } from '../src/experiments/reconstruct.js';
import { falseAlarms, sharesOf } from '../src/experiments/shares.js';
import type { CaseResult } from '../src/scoring.js';

/** Who is to blame, who was blamed. */
function answered(truth: string, blamed: string, kind = 'k'): CaseResult {
  const named = [...blamed].map((service) => ({ service, resource: null, probability: 0.5 }));
  return {
    id: `${truth}/${blamed}`,
    kind,
    truth: [...truth].map((service) => ({ service, resource: null })),
    ranked: [...named, { service: 'z', resource: null, probability: 0.1 }],
    blamed: named.length,
    verdict: named.length > 0 ? 'culprits' : 'undetermined',
    elapsedMs: 1,
  };
}

describe('the same incidents, of which less is known', () => {
  const named = (id: string, truth: string, blamed: string) => ({ ...answered(truth, blamed), id });
  const more = [
    named('1', 'a', 'a'),
    named('2', 'a', 'a'),
    named('3', 'b', 'a'),
    named('4', 'b', 'b'),
    named('5', 'b', 'b'),
    named('6', '', 'b'),
  ];

  it('are compared one by one; what is an incident to one side alone is none of them', () => {
    const less = [
      named('5', '', ''),
      named('4', 'b', ''),
      named('3', 'b', 'b'),
      named('2', 'a', 'b'),
      named('1', 'a', 'a'),
      named('6', 'b', 'a'),
    ];
    const paired = pairedOf(more, less, 1);
    expect(paired).to.include({ pairs: 4, unseen: 1 });
    // 0, −1, +1, −1 in four.
    expect(paired?.difference.value).to.equal(-0.25);
    const [low, high] = paired?.difference.interval ?? [];
    expect(low).to.be.within(-1, -0.75);
    expect(high).to.be.within(0.25, 0.5);
  });

  it('do not differ from themselves, and are nothing without a pair', () => {
    expect(pairedOf(more, more, 1)).to.deep.equal({
      pairs: 5,
      unseen: 0,
      difference: { value: 0, interval: [0, 0] },
    });
    expect(pairedOf(more, [named('7', 'a', 'a')], 1)).to.equal(undefined);
  });
});

describe('shares of incidents', () => {
  const TABLE: readonly (readonly [truth: string, blamed: string, right: number, fn: number, fp: number])[] =
    [
      ['a', 'a', 1, 0, 0],
      ['a', '', 0, 1, 0],
      ['a', 'b', 0, 1, 1],
      ['a', 'ab', 0, 0, 1],
      ['ab', 'a', 0, 1, 0],
      ['ab', 'ba', 1, 0, 0],
    ];
  for (const [truth, blamed, right, fn, fp] of TABLE) {
    it(`of ${truth} to blame, ${blamed === '' ? 'nobody' : blamed} blamed`, () => {
      const shares = sharesOf([answered(truth, blamed)], 1);
      expect([
        shares?.accuracy.value,
        shares?.falseNegatives.value,
        shares?.falsePositives.value,
      ]).to.deep.equal([right, fn, fp]);
    });
  }

  it('count incidents alone; who is blamed for nothing is a false alarm', () => {
    const cases = [answered('a', 'a'), answered('', 'a'), answered('', ''), answered('', '')];
    expect(sharesOf(cases, 1)).to.include({ cases: 1 });
    expect(sharesOf(cases, 1)?.falsePositives.value).to.equal(0);
    expect(falseAlarms(cases, 1)?.value).to.be.closeTo(1 / 3, 1e-12);
    expect(sharesOf([answered('', '')], 1)).to.equal(undefined);
    expect(falseAlarms([answered('a', 'a')], 1)).to.equal(undefined);
  });

  it('have an interval as wide as a binomial’s, the same for the same seed', () => {
    // 80 of 100 right: 1.96 · √(0.8 · 0.2 / 100) = 0.078.
    const cases = Array.from({ length: 100 }, (_, i) => answered('a', i % 5 === 0 ? 'b' : 'a'));
    const { accuracy } = sharesOf(cases, 7) ?? expect.fail();
    expect(accuracy.value).to.equal(0.8);
    expect(accuracy.interval[0]).to.be.closeTo(0.72, 0.02);
    expect(accuracy.interval[1]).to.be.closeTo(0.88, 0.02);
    expect(sharesOf(cases, 7)?.accuracy).to.deep.equal(accuracy);
  });
});

describe('incidents by kind of fault', () => {
  it('count where a method was accurate, and where it was silent', () => {
    const table = kindsTable([
      {
        method: 'one',
        cases: [
          answered('a', 'a', 'lock'),
          answered('a', '', 'lock'),
          answered('b', 'ab', 'cpu'),
          answered('', 'a'),
        ],
      },
      {
        method: 'two',
        cases: [
          answered('a', 'a', 'lock'),
          answered('a', 'a', 'lock'),
          answered('b', '', 'cpu'),
          answered('', ''),
        ],
      },
    ]);
    expect(table).to.include({ kind: 'table' });
    expect(table).to.deep.include({
      columns: ['method', 'cpu (1)', 'lock (2)', 'silent'],
      rows: [
        ['one', '0', '1', '1'],
        ['two', '0', '2', '1'],
      ],
    });
  });
});

describe('R² over groups', () => {
  it('is what is left of each group’s own variation', () => {
    // Means 2 and 11: varied 2 + 2; errors 1 in the first group, none in the second.
    const groups = [
      [
        [1, 1],
        [3, 2],
      ],
      [
        [10, 10],
        [12, 12],
      ],
    ] as const;
    expect(r2Of(groups)).to.equal(1 - 1 / 4);
  });

  it('is unknown where nothing varied', () => expect(r2Of([[[2, 3]]])).to.equal(null));
});
