import { createRng } from '@sage/core';
import { loadTopology, truthOf } from '@sage/simulator';
import { expect } from 'chai';
import { planEpisodes, TREATABLE_KINDS } from '../src/closed-loop/episodes.js';
import { DataError } from '../src/observed.js';

describe('episodes', () => {
  const social = loadTopology('social-network');
  const options = { episodes: 6, startMs: 60_000, windowMs: 1000, calmWindows: 6, faultWindows: 4 };
  const plan = (seed: number) => planEpisodes(social, { ...options, rng: createRng(seed) });

  it('hit two services at a time with all kinds in turn, each anywhere in a time of its own', () => {
    const planned = plan(1);
    const kinds = planned.flatMap(({ faults }) => faults.map(({ kind }) => kind));
    expect(kinds).to.have.length(12);
    for (const kind of new Set(kinds)) expect(kinds.filter((other) => other === kind)).to.have.length(2);
    planned.forEach(({ startMs, endMs, faults, truths }, index) => {
      expect(startMs).to.be.at.least(61_000 + 10_000 * index);
      expect(endMs).to.be.at.most(69_000 + 10_000 * index);
      expect(endMs - startMs).to.be.within(2000, 6000);
      expect(new Set(faults.map(({ service }) => service)).size).to.equal(2);
      expect(truths).to.deep.equal(faults.flatMap(truthOf));
    });
  });

  it('are refused where too few services can have a fault', () => {
    const alone = { ...social, services: social.services.slice(0, 1) };
    expect(() => planEpisodes(alone, { ...options, rng: createRng(1) })).to.throw(DataError);
  });

  it('are the same with the same seed, and others with another', () => {
    expect(plan(1)).to.deep.equal(plan(1));
    expect(plan(1)).not.to.deep.equal(plan(2));
  });

  it('have truths that methods are calibrated for', () => {
    const resources = plan(1).flatMap(({ truths }) => truths.map(({ resource }) => resource));
    for (const resource of resources) expect(TREATABLE_KINDS).to.include(resource);
  });
});
