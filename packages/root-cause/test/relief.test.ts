import { createRng, type Resource, readObjective } from '@sage/core';
import { expect } from 'chai';
import { doseOf, loadRelief } from '../src/index.js';
import { hotelGraph, OBJECTIVE } from './hotel.js';
import { linearModel } from './linear-model.js';
import { type Fault, scenario } from './scenario.js';

const graph = hotelGraph();
const MARGIN = 0.8;
/** Of the way between two doses. */
const STEP = 1 / 16;

function world(faults: readonly Fault[], thresholdMs: number, load?: number) {
  const { window, history } = scenario(graph, { faults, ...(load === undefined ? {} : { load }) });
  const objective = { ...OBJECTIVE, thresholdMs };
  const model = linearModel(graph, { knowsLoad: load !== undefined });
  const observedMs = readObjective(objective, window).observedMs ?? 0;
  return { input: { model, window, history, objective }, observedMs };
}

function dose(
  faults: readonly Fault[],
  thresholdMs: number,
  ...culprits: readonly (readonly [service: string, resource: Resource])[]
) {
  const { input } = world(faults, thresholdMs);
  const restored = culprits.map(([service, resource]) => ({ service, resource }));
  const found = doseOf(restored, input, { rng: createRng(3) });
  if (found === undefined) throw new Error('nothing could be asked');
  return found;
}

describe('doseOf', () => {
  const slow: readonly Fault[] = [{ kind: 'link', service: 'geo', ms: 400 }];
  const link = ['geo', 'network'] as const;

  it('is the less, the more the objective allows', () => {
    const doses = [110, 200, 300, 400].map((thresholdMs) => dose(slow, thresholdMs, link).enough);
    expect(doses).to.deep.equal([...doses].sort((a, b) => b - a));
    expect(new Set(doses)).to.have.length(4);
    expect(doses.every((enough) => enough > 0 && enough <= 1)).to.equal(true);
  });

  for (const thresholdMs of [150, 250, 350]) {
    it(`lands just below the margin of an objective of ${thresholdMs} ms`, () => {
      const { observedMs } = world(slow, thresholdMs);
      const { enough, expectedMs, restoredMs, probability } = dose(slow, thresholdMs, link);
      expect(expectedMs).to.be.at.most(MARGIN * thresholdMs);
      // A step less would not do.
      const stepMs = STEP * (observedMs - restoredMs);
      expect(expectedMs).to.be.at.least(MARGIN * thresholdMs - 2 * stepMs);
      expect(observedMs - enough * (observedMs - restoredMs)).to.be.closeTo(expectedMs, 2 * stepMs);
      expect(probability).to.be.at.least(0.95);
    });
  }

  it('aims at the objective itself where the margin is out of reach', () => {
    const { restoredMs: normalMs } = dose(slow, 150, link);
    const thresholdMs = 1.2 * normalMs;
    const slightly: readonly Fault[] = [{ kind: 'link', service: 'geo', ms: 80 }];
    const { enough, probability, expectedMs } = dose(slightly, thresholdMs, link);
    expect(expectedMs).to.be.within(MARGIN * thresholdMs, thresholdMs);
    expect(enough).to.be.below(1);
    expect(probability).to.be.above(0.9);
  });

  it('is all of the way where nothing less is as sure', () => {
    const { restoredMs: normalMs } = dose(slow, 150, link);
    const { enough, probability, expectedMs, restoredMs } = dose(slow, 0.99 * normalMs, link);
    expect(enough).to.equal(1);
    expect(probability).to.be.below(0.7);
    expect(expectedMs).to.equal(restoredMs);
  });

  describe('of two that are helped together', () => {
    const both: readonly Fault[] = [...slow, { kind: 'cpu', service: 'rate', ms: 300 }];
    const cpu = ['rate', 'cpu'] as const;

    it('counts on the other being helped as well', () => {
      expect(dose(both, 250, link).enough).to.equal(1);
      expect(dose(both, 250, link, cpu).enough).to.be.below(1);
    });

    it('and on no more of that than on its own', () => {
      const thresholdMs = 250;
      const { observedMs } = world(both, thresholdMs);
      const { enough, expectedMs, restoredMs } = dose(both, thresholdMs, link, cpu);
      // The model is linear: with each at the dose d, d of what both add to the latency is gone.
      const fallMs = observedMs - restoredMs;
      expect(expectedMs).to.be.closeTo(observedMs - enough * fallMs, 2 * STEP * fallMs);
      expect(expectedMs).to.be.at.most(MARGIN * thresholdMs);
      expect(expectedMs).to.be.at.least(MARGIN * thresholdMs - 2 * STEP * fallMs);
    });

    it('leaves out who the objective does not depend on', () => {
      const alone = dose(slow, 250, link);
      expect(dose(slow, 250, link, ['user', 'cpu'])).to.deep.equal(alone);
    });
  });

  it('cannot tell of a service that the objective does not depend on, nor without a past', () => {
    const { input } = world(slow, 150);
    const ask = (service: string, history = input.history) =>
      doseOf([{ service, resource: 'cpu' }], { ...input, history }, { rng: createRng(3) });
    expect(ask('user')).to.equal(undefined);
    expect(ask('geo', [])).to.equal(undefined);
  });
});

describe('loadRelief', () => {
  it('says how much of the load has to go, and whom it saturates', () => {
    const crowd = 120;
    const { input } = world([{ kind: 'cpu-usage', service: 'user' }], 120, crowd);
    const relief = loadRelief(input, { rng: createRng(3) });
    expect(relief?.share).to.be.within(0.1, 0.6);
    expect(relief?.expectedMs).to.be.at.most(MARGIN * 120);
    expect(graph.services).to.include(relief?.service);
  });

  it('says nothing where the load is as ever', () => {
    const { input } = world([{ kind: 'link', service: 'geo' }], 90, 20);
    expect(loadRelief(input, { rng: createRng(3) })).to.equal(undefined);
  });
});
