import { createRng, type Window } from '@sage/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { diagnose } from '../src/index.js';
import { hotelGraph, OBJECTIVE, SERVICES } from './hotel.js';
import { linearModel } from './linear-model.js';
import { scenario } from './scenario.js';

const graph = hotelGraph();
const model = linearModel(graph);

const fault = fc.record({
  kind: fc.constantFrom('cpu', 'link', 'pool', 'cpu-usage'),
  service: fc.constantFrom(...SERVICES, 'user'),
  ms: fc.integer({ min: 0, max: 400 }),
});
const world = fc.record({
  seed: fc.integer(),
  faults: fc.array(fault, { maxLength: 4 }),
  load: fc.integer({ min: 1, max: 150 }),
  historyWindows: fc.integer({ min: 0, max: 15 }),
  unmeasured: fc.subarray([...SERVICES]),
  method: fc.constantFrom('sage' as const, 'faithful' as const),
  missing: fc.array(fc.nat({ max: graph.latency.length - 1 }), { maxLength: 20 }),
});

function without(window: Window, missing: readonly number[]): Window {
  const gone = new Set(missing.map((index) => graph.latency[index]?.id));
  return { ...window, latency: new Map([...window.latency].filter(([id]) => !gone.has(id))) };
}

describe('diagnose, whatever happens', () => {
  it('gives probabilities and shares, blames ancestors only, and the same again for the same seed', function () {
    this.timeout(30_000);
    fc.assert(
      fc.property(world, ({ method, missing, ...options }) => {
        const { window, history } = scenario(graph, options);
        const input = { model, window: without(window, missing), history, objective: OBJECTIVE };
        const solve = () => diagnose(input, { rng: createRng(options.seed), samples: 16, method });
        const diagnosis = solve();
        expect(solve()).to.deep.equal(diagnosis);
        expect(diagnosis.culprits.length > 0).to.equal(diagnosis.verdict === 'culprits');
        for (const { probability } of [
          ...diagnosis.culprits,
          ...diagnosis.services,
          ...diagnosis.resources,
        ]) {
          expect(probability).to.be.within(0, 1);
        }
        expect(diagnosis.culprits.reduce((sum, { share }) => sum + share, 0)).to.be.within(0, 1 + 1e-9);
        for (const { service, effectMs } of diagnosis.culprits) {
          expect(SERVICES).to.include(service);
          expect(effectMs).to.be.at.least(0);
        }
        const blamed = diagnosis.culprits.map(({ service }) => service);
        for (const { service } of diagnosis.victims) expect(blamed).not.to.include(service);
      }),
      { numRuns: 30, seed: 11 },
    );
  });
});
