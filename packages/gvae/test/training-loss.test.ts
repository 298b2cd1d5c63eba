import { createRng, type Rng } from '@sage/core';
import { expect } from 'chai';
import { loadBackend } from '../src/backend.js';
import { inputReader } from '../src/inputs.js';
import { buildLayout } from '../src/layout.js';
import { FULL_WEIGHTS } from '../src/loss.js';
import { initialParameters } from '../src/parameters.js';
import { fitScales } from '../src/scales.js';
import { pack, stackUnits } from '../src/stacks.js';
import { TrainingLoss } from '../src/training-loss.js';
import { worldGraph, worldWindows } from './world.js';

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
  learnt.set(pack(layout, stacks, initialParameters(layout, createRng(6))));

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
