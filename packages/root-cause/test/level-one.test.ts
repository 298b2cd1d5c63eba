import { createRng } from '@sage/core';
import { expect } from 'chai';
import { blame, blameForExcess } from '../src/judge-services.js';
import {
  fewestThatExplain,
  findCulprits,
  type RankedSuspect,
  rankSuspects,
  type Suspect,
} from '../src/level-one.js';
import { resolveOptions } from '../src/options.js';
import type { Counterfactuals } from '../src/outlook.js';

const OBSERVED_MS = 1000;
const THRESHOLD_MS = 20;
/** Beyond the usual 10 ms. */
const EXCESS_MS = 990;
const SETTINGS = resolveOptions({ rng: createRng(1) });

/** A world in which restoring a service takes off so many ms; what is left holds as surely as it is below the threshold. */
function world(gains: Readonly<Record<string, number>>): Counterfactuals {
  return (parts) => {
    const medianMs = parts.reduce((ms, { service }) => ms - (gains[service] ?? 0), OBSERVED_MS);
    const probability = Math.min(1, Math.max(0, 0.5 + (THRESHOLD_MS - medianMs) / 10));
    return { medianMs, probability };
  };
}

function suspects(ask: Counterfactuals, services: readonly string[]): RankedSuspect[] {
  return services.map((service) => ({ service, anomaly: 30, ...ask([{ service }]) }));
}

describe('suspects, most likely first', () => {
  const ranked = (suspects: readonly Suspect[], gains: Readonly<Record<string, number>>) =>
    rankSuspects(suspects, world(gains), { excessMs: EXCESS_MS, anomalyThreshold: 6 }).map(
      ({ service }) => service,
    );
  const [a, b] = ['a', 'b'].map((service) => ({ service, anomaly: 100 })) as [Suspect, Suspect];

  it('as odd as can be, both: who explains more of the excess', () => {
    expect(ranked([a, b], { a: 20, b: 90 })).to.deep.equal(['b', 'a']);
  });
  it('both, and hardly more of it: who was measured to lack something', () => {
    expect(ranked([{ ...a, lacks: true }, b], { a: 20, b: 90 })).to.deep.equal(['a', 'b']);
  });
  it('both, and more of it than is noise: who explains that', () => {
    expect(ranked([{ ...a, lacks: true }, b], { a: 20, b: 130 })).to.deep.equal(['b', 'a']);
  });
  it('no less helpful, and less odd: who is odder', () => {
    expect(ranked([{ ...a, anomaly: 12 }, b], { a: 90, b: 90 })).to.deep.equal(['b', 'a']);
  });
});

describe('the smallest set that restores the objective', () => {
  const CASES: readonly [name: string, gains: Readonly<Record<string, number>>, blamed: readonly string[]][] =
    [
      ['one that does all', { a: 990, b: 5 }, ['a']],
      ['two, each of whom breaks it alone', { a: 700, b: 290 }, ['a', 'b']],
      ['with nobody without whom it is likelier to hold than not', { a: 981, b: 8 }, ['a']],
      ['with who is needed, however little that is', { a: 978, b: 8 }, ['a', 'b']],
      ['nobody who wins anything', { a: 30, b: 20 }, []],
      ['many who are a little slow', { a: 200, b: 150, c: 100, d: 100 }, []],
    ];
  for (const [name, gains, blamed] of CASES) {
    it(`${name}: ${blamed.join(' and ') || 'nobody'}`, () => {
      const ask = world(gains);
      const ranked = suspects(ask, Object.keys(gains));
      expect(findCulprits(ranked, ask, { ...SETTINGS, excessMs: EXCESS_MS })).to.deep.equal(blamed);
    });
  }
});

describe('the fewest that explain an excess', () => {
  const explaining = (gains: Readonly<Record<string, number>>) =>
    fewestThatExplain(Object.keys(gains), world(gains), EXCESS_MS);
  it('are those without whom more than a tenth is left', () => {
    expect(explaining({ a: 900, b: 30 })).to.deep.equal(['a']);
    expect(explaining({ a: 600, b: 300, c: 30 })).to.deep.equal(['a', 'b']);
  });
  it('are nobody where more than a tenth is left in any case', () => {
    expect(explaining({ a: 600, b: 200 })).to.deep.equal([]);
    expect(explaining({})).to.deep.equal([]);
  });
});

describe('whom to blame', () => {
  const blamedOf = (
    gains: Readonly<Record<string, number>>,
    { sure, lesser }: { readonly sure: readonly string[]; readonly lesser: readonly string[] },
  ) => {
    const ask = world(gains);
    const search = { settings: SETTINGS, ask, excessMs: EXCESS_MS };
    const judged = {
      ranked: suspects(ask, sure.length > 0 ? sure : Object.keys(gains)),
      areSuspect: sure.length > 0,
      withLesser: suspects(ask, [...sure, ...lesser]),
      withDelayed: suspects(ask, sure),
    };
    const best = blame(search, judged);
    return { best, forExcess: blameForExcess(search, best).blamed };
  };

  it('whoever is beyond doubt, where that restores the objective', () => {
    const { best } = blamedOf({ a: 990, b: 400 }, { sure: ['a'], lesser: ['b'] });
    expect(best).to.deep.equal({ blamed: ['a'], probability: 1 });
  });
  it('with them who is half as odd, where only both restore it', () => {
    const { best } = blamedOf({ a: 700, b: 290 }, { sure: ['a'], lesser: ['b'] });
    expect(best).to.deep.equal({ blamed: ['a', 'b'], probability: 1 });
  });
  it('of two equal tails, who hide each other, both, where means tell of the one that is half as odd', () => {
    // Mending either takes the objective from 1000 ms to 900, mending both to 10.
    const ask: Counterfactuals = (parts) =>
      parts.length === 2
        ? { medianMs: 10, probability: 1 }
        : { medianMs: 1000 - 100 * parts.length, probability: 0 };
    const judged = { ranked: suspects(ask, ['a']), areSuspect: true, withLesser: suspects(ask, ['a', 'b']) };
    const search = { settings: SETTINGS, ask, excessMs: EXCESS_MS };
    expect(blame(search, { ...judged, withDelayed: judged.withLesser }).blamed).to.deep.equal(['a', 'b']);
    expect(blame(search, { ...judged, withDelayed: judged.ranked }).blamed).to.deep.equal([]);
    const nobody = { ...judged, areSuspect: false, withDelayed: judged.withLesser };
    expect(blame(search, nobody).blamed).to.deep.equal([]);
  });
  it('for the excess whoever explains nearly all of it, where nobody restores the objective', () => {
    const { best, forExcess } = blamedOf({ a: 950, b: 10 }, { sure: ['a'], lesser: ['b'] });
    expect(best.probability).to.equal(0);
    expect(forExcess).to.deep.equal(['a']);
  });
  it('nobody who explains but most of it', () => {
    const { best, forExcess } = blamedOf({ a: 700, b: 100 }, { sure: ['a'], lesser: ['b'] });
    expect(best.probability).to.equal(0);
    expect(forExcess).to.deep.equal([]);
  });
  it('nobody who is half as odd, where nobody is beyond doubt or has most of it', () => {
    expect(blamedOf({ b: 990 }, { sure: [], lesser: ['b'] }).best.blamed).to.deep.equal([]);
    expect(blamedOf({ a: 20, b: 985 }, { sure: ['a'], lesser: ['b'] }).best.blamed).to.deep.equal([]);
  });
  it('nobody who is not odd at all, whatever it would help', () => {
    const { best, forExcess } = blamedOf({ a: 990 }, { sure: [], lesser: [] });
    expect(best.blamed).to.deep.equal([]);
    expect(forExcess).to.deep.equal([]);
  });
});
