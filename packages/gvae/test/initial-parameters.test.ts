import { createRng } from '@sage/core';
import { expect } from 'chai';
import { AccuracyMeter } from '../src/accuracy.js';
import { inputReader } from '../src/inputs.js';
import { buildLayout } from '../src/layout.js';
import { Mechanism } from '../src/mechanism.js';
import { initialParameters } from '../src/parameters.js';
import { fitScales } from '../src/scales.js';
import { worldGraph, worldWindows } from './world.js';

describe('where training begins', () => {
  it('is where latency gets through the latents already, and nothing is foretold', () => {
    const windows = worldWindows(120, 1);
    const layout = buildLayout(worldGraph(), windows);
    const scales = fitScales(layout, windows);
    const heldOut = worldWindows(40, 9).map(inputReader(layout, scales));
    const meter = new AccuracyMeter(layout, heldOut, scales.median);
    const mechanism = new Mechanism(layout, scales, initialParameters(layout, createRng(2)));
    const { overall, foretold } = meter.measure(mechanism);
    expect(overall).to.be.above(0.7);
    expect(foretold).to.be.below(0.7);
  });
});
