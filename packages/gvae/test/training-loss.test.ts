import { createRng, type Rng } from '@sage/core';
import { expect } from 'chai';
import { loadBackend } from '../src/backend.js';
import { inputReader } from '../src/inputs.js';
import { buildLayout } from '../src/layout.js';
import { FULL_WEIGHTS } from '../src/loss.js';
import { Mechanism } from '../src/mechanism.js';
import { initialParameters } from '../src/parameters.js';
import { fitScales } from '../src/scales.js';
import { pack, stackUnits, unpack } from '../src/stacks.js';
import { TrainingLoss } from '../src/training-loss.js';
import { unmetWindows, worldGraph, worldWindows } from './world.js';

describe('the loss of many rows', () => {
  before(() => loadBackend());

  const windows = worldWindows(24, 4);
  const layout = buildLayout(worldGraph(), windows);
  const scales = fitScales(layout, windows);
  const stacks = stackUnits(
    layout,
    layout.units.map((_, u) => u),
  );
  const rows = windows.map(inputReader(layout, scales)).map((inputs) => ({ inputs, fixed: undefined }));
  const quiet: Rng = { ...createRng(1), normal: () => 0 };

  const whole = new TrainingLoss(layout, scales, stacks);
  const learnt = new Float32Array(whole.networks + layout.edges.length).fill(0.1);
  const start = initialParameters(layout, createRng(6));
  learnt.set(pack(layout, stacks, start));

  it('is of what the same networks decode in plain arithmetic, far from what is usual, too', () => {
    const parameters = {
      ...unpack(layout, stacks, learnt, start),
      corrections: learnt.subarray(whole.networks),
    };
    const mechanism = new Mechanism(layout, scales, parameters);
    const far = [...worldWindows(9, 8, 400), ...unmetWindows(5, 9, 400)].map(inputReader(layout, scales));
    const all = [...rows.map(({ inputs }) => inputs), ...far];
    const { squared } = whole.judge(
      all.map((inputs) => ({ inputs, fixed: undefined })),
      learnt,
    );
    const plain = new Float64Array(squared.length);
    for (const [{ target }, decoded] of mechanism.decodeAll(all, 'posterior', 'decoded')) {
      decoded.forEach((ms, at) => {
        const v = Math.floor(at / 3);
        plain[v] = (plain[v] as number) + (Math.log1p(ms) - (target[at] as number)) ** 2;
      });
    }
    squared.forEach((sum, v) => {
      expect(sum, layout.nodes[v]).to.be.closeTo(plain[v] as number, 1e-3 * (plain[v] as number) + 1e-5);
    });
  });

  // 24 rows by 24, by 8, and by 5 with 4 left.
  for (const rowsAtOnce of [8, 5]) {
    it(`is the same when they go through the networks ${rowsAtOnce} at a time`, () => {
      const parts = new TrainingLoss(layout, scales, stacks, rowsAtOnce * layout.units.length);
      const [one, many] = [whole, parts].map((loss) => loss.judge(rows, learnt));
      expect(many?.loss).to.be.closeTo(one?.loss as number, 1e-5);
      one?.squared.forEach((sum, v) => {
        expect(many?.squared[v]).to.be.closeTo(sum, 1e-4);
      });

      const options = { weights: FULL_WEIGHTS, rng: quiet };
      const [slope, summed] = [whole, parts].map((loss) => loss.slope(rows, learnt, options)) as [
        Float32Array,
        Float32Array,
      ];
      const steepest = Math.max(...slope.map(Math.abs));
      expect(steepest).to.be.above(0);
      slope.forEach((value, i) => {
        expect(summed[i]).to.be.closeTo(value, 1e-4 * steepest);
      });
    });
  }
});
