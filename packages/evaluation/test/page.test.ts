import { expect } from 'chai';
import { page } from '../src/report/page.js';
import { plotSvg } from '../src/report/plot.js';
import { type Comparison, isAsGood, isWorse } from '../src/report/section.js';

const comparison = (change: Partial<Comparison>): Comparison => ({
  what: 'Accuracy, <chain>',
  ours: 0.9,
  interval: [0.8, 0.95],
  paper: 0.93,
  paperWords: 'over 93 %',
  better: 'higher',
  unit: 'share',
  ...change,
});

describe('ours beside the paper’s', () => {
  const TABLE: readonly (readonly [string, Partial<Comparison>, worse: boolean, good: boolean])[] = [
    ['below, within the interval', {}, false, false],
    ['below the whole interval', { interval: [0.8, 0.92] }, true, false],
    ['above', { ours: 0.94 }, false, true],
    ['the same', { ours: 0.93 }, false, true],
    [
      'less of what should be less',
      { better: 'lower', ours: 0.03, interval: [0.01, 0.06], paper: 0.04 },
      false,
      true,
    ],
    [
      'more, all of it, of what should be less',
      { better: 'lower', ours: 0.97, interval: [0.95, 1] },
      true,
      false,
    ],
    ['below, without an interval', { interval: undefined }, true, false],
  ];
  for (const [name, change, worse, good] of TABLE) {
    it(name, () => {
      expect([isWorse(comparison(change)), isAsGood(comparison(change))]).to.deep.equal([worse, good]);
    });
  }
});

describe('the page', () => {
  const versions = { sage: '1', code: 'c', node: 'n', backend: 'wasm', platform: 'p' };
  const made = (comparisons: readonly Comparison[]) =>
    page({
      sections: [{ id: 'a', title: 'A & B', meaning: 'm', comparisons, blocks: [] }],
      plots: new Map(),
      failed: [],
      made: ['by hand'],
      versions,
    });

  it('counts who is better and begins with what is worse', () => {
    const text = made([
      comparison({ what: 'good', ours: 0.95 }),
      comparison({ what: 'chance' }),
      comparison({ what: 'bad', ours: 0.5, interval: [0.4, 0.6] }),
    ]);
    expect(text).to.contain('as good or better here in 1, worse in 1, and behind the paper');
    const order = ['bad', 'chance', 'good'].map((what) => text.indexOf(`<th scope="row">${what}</th>`));
    expect(order)
      .to.deep.equal([...order].sort((a, b) => a - b))
      .and.not.include(-1);
    expect(text).to.contain('<td>50 % (40–60)</td>');
  });

  it('escapes what it is given', () => {
    expect(made([comparison({})]))
      .to.contain('Accuracy, &lt;chain&gt;')
      .and.contain('A &amp; B');
  });
});

describe('a plot', () => {
  const spec = {
    data: { values: [{ a: 'x', b: 1 }] },
    mark: 'bar',
    encoding: { x: { field: 'b', type: 'quantitative' }, y: { field: 'a', type: 'nominal' } },
  };

  it('is an SVG in the page’s own colour of text, the same each time', async () => {
    const svg = await plotSvg(spec);
    expect(svg)
      .to.match(/^<svg /)
      .and.match(/<text[^>]*fill="currentColor"[^>]*>x<\/text>/);
    expect(svg).not.to.match(/fill="(#000|black)"/);
    expect(await plotSvg(spec)).to.equal(svg);
  });
});
