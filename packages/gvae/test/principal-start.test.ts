import { createRng } from '@sage/core';
import { expect } from 'chai';
import { AccuracyMeter } from '../src/accuracy.js';
import { inputReader } from '../src/inputs.js';
import { buildLayout } from '../src/layout.js';
import { Mechanism } from '../src/mechanism.js';
import { positive, rawOf } from '../src/own-time.js';
import { initialParameters } from '../src/parameters.js';
import { principalStart } from '../src/principal-start.js';
import { fitScales } from '../src/scales.js';
import { worldGraph, worldWindows } from './world.js';

describe('where training begins', () => {
  it('is where most of the latency gets through the latents already, and what chance gives where it is not', () => {
    const windows = worldWindows(120, 1);
    const layout = buildLayout(worldGraph(), windows);
    const scales = fitScales(layout, windows);
    const rows = windows.map(inputReader(layout, scales));
    const start = initialParameters(layout, createRng(2));
    const meter = new AccuracyMeter(
      layout,
      worldWindows(40, 9).map(inputReader(layout, scales)),
      scales.median,
    );
    const r2 = (parameters: typeof start) => meter.measure(new Mechanism(layout, scales, parameters)).overall;
    const begun = principalStart(layout, scales, rows, { start, rng: createRng(3) });
    expect(r2(start)).to.be.below(0.3);
    expect(r2(begun)).to.be.above(0.7);
    expect(start).to.deep.equal(initialParameters(layout, createRng(2)));
  });

  for (const size of [0.02, 0.5, 1, 3, 1000]) {
    it(`knows the head that makes ${size} of the usual time`, () => {
      expect(positive(rawOf(size))).to.be.closeTo(size, 1e-9 * size);
    });
  }

  it('takes no time at all, or less, for a small one', () => {
    for (const size of [0, -5]) expect(positive(rawOf(size))).to.be.within(1e-3, 0.02);
  });
});
