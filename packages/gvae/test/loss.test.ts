import { createRng } from '@sage/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { loadBackend } from '../src/backend.js';
import { buildBatch } from '../src/batch.js';
import { totalEffects } from '../src/chain.js';
import { buildConstants, disposeConstants } from '../src/constants.js';
import { buildLayout } from '../src/layout.js';
import { divergence, FULL_WEIGHTS, type LossTerms, latencyError, lossTerms, totalLoss } from '../src/loss.js';
import { edgeWeights, initialParameters, listParameters } from '../src/parameters.js';
import { passThrough } from '../src/pass-through.js';
import { fitScales, readInputs } from '../src/scales.js';
import { toTensors } from '../src/stacked-network.js';
import { worldGraph, worldWindows } from './world.js';

const number = (compute: () => tf.Tensor) => tf.tidy(() => compute().dataSync()[0] as number);

describe('the loss', () => {
  before(() => loadBackend());

  it('counts errors of seen entries alone, in spreads', () => {
    const log = Math.log1p(10);
    const loss = number(() =>
      latencyError(
        tf.tensor2d([[10, 99]]),
        tf.tensor2d([[log - 0.3, 0]]),
        tf.tensor2d([[1, 0]]),
        tf.tensor2d([[10, 10]]),
      ),
    );
    expect(loss).to.be.closeTo(Math.sqrt(10) - 1, 1e-4);
  });

  it('is the divergence of two normals', () => {
    const normal = (mean: number, logVariance: number) => ({
      mean: tf.tensor3d([[[mean]]]),
      logVariance: tf.tensor3d([[[logVariance]]]),
    });
    expect(number(() => divergence(normal(1, 0), normal(1, 0), 1))).to.be.closeTo(0, 1e-6);
    expect(number(() => divergence(normal(2, 0), normal(0, Math.log(4)), 1))).to.be.closeTo(
      0.5 * (Math.log(4) + 5 / 4 - 1),
      1e-5,
    );
  });

  for (const [term, share] of [
    ['posteriorChained', 0.45],
    ['posteriorForced', 0.45],
    ['priorChained', 0.05],
    ['priorForced', 0.05],
    ['divergence', 0.09],
    ['corrections', 5],
  ] as const) {
    it(`adds ${share} of ${term}`, () => {
      const total = number(() => {
        const zero = tf.scalar(0);
        const none: LossTerms = {
          posteriorChained: zero,
          posteriorForced: zero,
          priorChained: zero,
          priorForced: zero,
          divergence: zero,
          corrections: zero,
        };
        return totalLoss({ ...none, [term]: tf.scalar(1) }, FULL_WEIGHTS);
      });
      expect(total).to.be.closeTo(share, 1e-6);
    });
  }

  it('has the slope that its values have', () => {
    const windows = worldWindows(24, 4);
    const layout = buildLayout(worldGraph(), windows);
    const scales = fitScales(layout, windows);
    const list = listParameters(layout);
    const batch = buildBatch(
      layout,
      windows.map((window) => readInputs(layout, scales, window)),
      createRng(5),
    );
    const start = initialParameters(list, createRng(6));
    const effects = totalEffects(layout, edgeWeights(layout, list, start));
    const constants = buildConstants(layout, scales);
    const loss = (tensors: tf.Tensor[]) => {
      const named = new Map(list.map(({ name }, i) => [name, tensors[i] as tf.Tensor]));
      return totalLoss(lossTerms(layout, constants, named, batch, effects), FULL_WEIGHTS);
    };
    const slopes = tf.tidy(() =>
      tf
        .grads((...tensors: tf.Tensor[]) => loss(tensors))(toTensors(list, start))
        .map((t) => t.dataSync()),
    );
    list.forEach(({ name, offset }, i) => {
      // The steepest entry of each parameter, by central difference.
      const slope = slopes[i] as Float32Array;
      const at = slope.reduce(
        (best, value, j) => (Math.abs(value) > Math.abs(slope[best] as number) ? j : best),
        0,
      );
      const moved = (by: number) => {
        const values = Float32Array.from(start);
        values[offset + at] = (values[offset + at] as number) + by;
        return number(() => loss(toTensors(list, values)));
      };
      const difference = (moved(5e-3) - moved(-5e-3)) / 1e-2;
      const steepest = slope[at] as number;
      expect(steepest, name).to.be.closeTo(difference, 0.05 * Math.abs(difference) + 5e-4);
    });
    disposeConstants(constants);
  });
});

describe('passing quantiles through', () => {
  for (const [calls, rows] of [
    [
      1,
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    ],
    [
      0.5,
      [
        [0, 0, 0],
        [1 / 9, 8 / 9, 0],
        [0, 0.25, 0.75],
      ],
    ],
    [
      4,
      [
        [4, 0, 0],
        [2, 2, 0],
        [2, 0, 2],
      ],
    ],
    [
      0,
      [
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ],
    ],
  ] as const) {
    it(`of ${calls} calls`, () => {
      passThrough(calls).forEach((part, i) => {
        expect(part).to.be.closeTo(rows[Math.floor(i / 3)]?.[i % 3] as number, 1e-9);
      });
    });
  }
});
