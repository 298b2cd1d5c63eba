import type { LatencyNode } from '@sage/causal-graph';
import { createRng } from '@sage/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { loadBackend } from '../src/backend.js';
import { buildBatch, shapeBatches } from '../src/batch.js';
import { HandedOn } from '../src/handed-on.js';
import { inputReader } from '../src/inputs.js';
import { buildLayout } from '../src/layout.js';
import { dataLoss, divergence, FULL_WEIGHTS } from '../src/loss.js';
import { edgeWeights, initialParameters } from '../src/parameters.js';
import { passThrough } from '../src/pass-through.js';
import { fitScales } from '../src/scales.js';
import { listTensors, pack, stackUnits, toTensors } from '../src/stacks.js';
import { StructuralLoss } from '../src/structural-loss.js';
import { unmetWindows, worldGraph, worldWindows } from './world.js';

const number = (compute: () => tf.Tensor) => tf.tidy(() => compute().dataSync()[0] as number);

describe('the loss', () => {
  before(() => loadBackend());

  it('is the divergence of two normals', () => {
    const normal = (mean: number, logVariance: number) => ({
      mean: tf.tensor3d([[[mean]]]),
      logVariance: tf.tensor3d([[[logVariance]]]),
    });
    expect(number(() => divergence(normal(1, 0), normal(1, 0)))).to.be.closeTo(0, 1e-6);
    expect(number(() => divergence(normal(2, 0), normal(0, Math.log(4))))).to.be.closeTo(
      0.5 * (Math.log(4) + 5 / 4 - 1),
      1e-5,
    );
  });

  it('has the slope that its values have', () => {
    const windows = [...worldWindows(24, 4), ...unmetWindows(6, 5, 400)];
    const layout = buildLayout(worldGraph(), windows);
    const scales = fitScales(layout, windows);
    const stacks = stackUnits(
      layout,
      layout.units.map((_, u) => u),
    );
    const batch = buildBatch(
      shapeBatches(layout, scales, stacks),
      windows.map(inputReader(layout, scales)),
      createRng(5),
    );
    const start = initialParameters(layout, createRng(6));
    const structure = new StructuralLoss(layout, scales, stacks);
    const list = listTensors(stacks);
    const flat = pack(layout, stacks, start);
    const corrections = start.corrections.map((_, e) => 0.3 * (e % 3) - 0.2);
    let edgeSlopes: Float64Array | undefined;
    const loss = (tensors: tf.Tensor[], weights = edgeWeights(layout, corrections)) =>
      dataLoss(structure, stacks, tensors, batch, {
        weights: FULL_WEIGHTS,
        edgeWeights: weights,
        withSlopes: true,
        onErrors: (_, slopes) => {
          edgeSlopes = slopes;
        },
      });
    const slopes = tf.tidy(() =>
      tf
        .grads((...tensors: tf.Tensor[]) => loss(tensors))(toTensors(list, flat))
        .map((t) => t.dataSync() as Float32Array),
    );
    list.forEach(({ offset, shape }, i) => {
      // The steepest entry of each parameter, by central difference.
      const slope = slopes[i] as Float32Array;
      const at = slope.reduce(
        (best, value, j) => (Math.abs(value) > Math.abs(slope[best] as number) ? j : best),
        0,
      );
      const moved = (by: number) => {
        const values = Float32Array.from(flat);
        values[offset + at] = (values[offset + at] as number) + by;
        return number(() => loss(toTensors(list, values)));
      };
      const difference = (moved(1e-3) - moved(-1e-3)) / 2e-3;
      const steepest = slope[at] as number;
      expect(steepest, `tensor ${i} [${shape}]`).to.be.closeTo(
        difference,
        0.05 * Math.abs(difference) + 5e-4,
      );
    });
    const slopesByEdge = Float64Array.from(edgeSlopes ?? []);
    expect(slopesByEdge.some((slope) => Math.abs(slope) > 1e-3)).to.equal(true);
  });
});

describe('structural equations', () => {
  /** frontend calls a, then b and c side by side. */
  const layout = (group: number) => {
    const parents = ['a', 'b', 'c'].map((name, i) => ({
      node: name,
      weight: 1,
      callsPerChild: 1,
      ...(i === 0 || group < 0 ? {} : { group }),
    }));
    const one = (id: string, causes: typeof parents): LatencyNode => ({
      id,
      kind: 'server',
      rpc: { caller: 'x', callee: id, operation: 'o' },
      owners: [id],
      parents: causes,
    });
    const latency = [one('a', []), one('b', []), one('c', []), one('frontend', parents)];
    return buildLayout({ fingerprint: 'f', services: [], latency, roots: ['frontend'] }, []);
  };
  const at = {
    latencies: Float64Array.of(5, 6, 7, 20, 30, 40, 1, 2, 3, 0, 0, 0),
    weights: Float64Array.of(1, 1, 1),
  };

  it('add calls made one after the other', () => {
    const handedOn = new HandedOn(layout(-1));
    [26, 38, 50].forEach((expected, q) => {
      expect(handedOn.value(3, q, at)).to.be.closeTo(expected, 1e-9);
    });
  });

  it('take the longest of calls made side by side', () => {
    const handedOn = new HandedOn(layout(0));
    [25, 36, 47].forEach((expected, q) => {
      expect(handedOn.value(3, q, at)).to.be.closeTo(expected, 0.01);
    });
    const ten = { ...at, latencies: at.latencies.map((_, i) => (i < 3 ? 0 : 10)) };
    expect(handedOn.value(3, 0, ten)).to.be.closeTo(10 * 2 ** (1 / 4), 1e-9);
  });

  it('pull slopes back to latencies and weights', () => {
    const handedOn = new HandedOn(layout(0));
    const even = { ...at, latencies: Float64Array.of(5, 6, 7, 20, 30, 40, 18, 28, 39, 0, 0, 0) };
    for (let q = 0; q < 3; q++) {
      const slopes = new Float64Array(12);
      const edgeSlopes = new Float64Array(3);
      handedOn.pullBack(3, q, Float64Array.of(2), { ...even, slopes, edgeSlopes });
      for (let i = 0; i < 9; i++) {
        const moved = (by: number) =>
          handedOn.value(3, q, {
            ...even,
            latencies: even.latencies.map((ms, j) => (i === j ? ms + by : ms)),
          });
        expect(slopes[i], `${q} ${i}`).to.be.closeTo((moved(1e-4) - moved(-1e-4)) / 1e-4, 1e-5);
      }
      for (let e = 0; e < 3; e++) {
        const moved = (by: number) =>
          handedOn.value(3, q, { ...even, weights: even.weights.map((w, j) => (e === j ? w + by : w)) });
        expect(edgeSlopes[e], `${q} edge ${e}`).to.be.closeTo((moved(1e-4) - moved(-1e-4)) / 1e-4, 1e-4);
      }
    }
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
