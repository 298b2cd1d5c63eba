import { createRng } from '@sage/core';
import { expect } from 'chai';
import { emptyResiduals, RESIDUAL_PROBABILITIES, type Residuals } from '../src/calibration.js';
import type { Layout } from '../src/layout.js';
import { ResidualDraws } from '../src/residual-draws.js';
import { placesOf, RANKED_WINDOWS, UNRANKED } from '../src/residual-ranks.js';

const NODES = ['first', 'alike', 'contrary', 'unseen', 'later'];
const layout: Layout = { roots: [], nodes: NODES, owners: NODES.map(() => []), units: [], edges: [] };
const WORLDS = 64;

/** Each percentile of each node is even from 0 to 100 ms; how they went together in windows is what differs. */
function residuals(): Residuals {
  const rng = createRng(3);
  const made = emptyResiduals(layout);
  const series = Array.from({ length: RANKED_WINDOWS }, () => rng.uniform());
  NODES.forEach((node, v) => {
    for (let at = 3 * v; at < 3 * v + 3; at++) {
      RESIDUAL_PROBABILITIES.forEach((probability, k) => {
        made.quantiles[at * RESIDUAL_PROBABILITIES.length + k] = 100 * probability;
      });
      const values = series.map((value) => (node === 'contrary' ? -value : value));
      if (node !== 'unseen') made.ranks.set(placesOf(values), at * RANKED_WINDOWS);
    }
    made.measuredMs[v] = node === 'later' ? 2 : 1;
  });
  return made;
}

function drawsOf(node: string, { worlds = WORLDS, seed = 1 } = {}): readonly number[] {
  const draws = new ResidualDraws({ layout, residuals: residuals() }, { worlds, rng: createRng(seed) });
  return [...draws.of(NODES.indexOf(node))];
}

/** Of the median of each. */
function correlation(one: string, other: string, seed = 1): number {
  const deviations = (node: string) => {
    const values = drawsOf(node, { seed }).slice(0, WORLDS);
    const mean = values.reduce((sum, value) => sum + value, 0) / WORLDS;
    return values.map((value) => value - mean);
  };
  const [a, b] = [deviations(one), deviations(other)];
  const product = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}

function meanCorrelation(one: string, other: string): number {
  const seeds = Array.from({ length: 40 }, (_, i) => i);
  return seeds.reduce((sum, seed) => sum + correlation(one, other, seed), 0) / seeds.length;
}

describe('draws of residuals', () => {
  it('have of each percentile of each node one from every equally likely part of its distribution', () => {
    for (const worlds of [7, WORLDS, 250]) {
      for (const node of NODES) {
        const draws = drawsOf(node, { worlds });
        for (let q = 0; q < 3; q++) {
          const sorted = draws.slice(q * worlds, (q + 1) * worlds).sort((a, b) => a - b);
          sorted.forEach((ms, rank) => {
            expect(ms, node).to.be.within((100 * rank) / worlds, (100 * (rank + 1)) / worlds);
          });
        }
      }
    }
  });

  it('go together as they did in windows', () => {
    expect(correlation('first', 'alike')).to.be.above(0.99);
    expect(correlation('first', 'contrary')).to.be.below(-0.99);
  });

  it('tell nothing of each other where no window saw both', () => {
    for (const other of ['unseen', 'later']) {
      expect(meanCorrelation('first', other), other).to.be.within(-0.1, 0.1);
    }
  });

  it('are others with another seed, and the same with the same', () => {
    expect(drawsOf('first', { seed: 2 })).not.to.deep.equal(drawsOf('first'));
    expect(drawsOf('first')).to.deep.equal(drawsOf('first'));
  });
});

describe('places among windows', () => {
  it('are even over those that saw the node, whatever their number', () => {
    expect([...placesOf([30, 10, Number.NaN, 20])]).to.deep.equal([212, 42, UNRANKED, 127]);
    expect([...placesOf([Number.NaN])]).to.deep.equal([UNRANKED]);
    const places = placesOf(Array.from({ length: RANKED_WINDOWS }, (_, i) => -i));
    expect(new Set(places).size).to.equal(RANKED_WINDOWS);
    expect(Math.max(...places)).to.be.below(UNRANKED);
  });
});
