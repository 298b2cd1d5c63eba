import { type Rng, shuffled } from '@sage/core';
import { Adam, learningRate } from './adam.js';
import type { Layout } from './layout.js';
import { FULL_WEIGHTS } from './loss.js';
import type { Parameters } from './parameters.js';
import type { Scales } from './scales.js';
import { pack, stackUnits, unpack } from './stacks.js';
import { type Judgement, type Row, TrainingLoss } from './training-loss.js';

/** On the held-out rows. */
export interface EpochReport extends Judgement {
  /** From 1. */
  readonly epoch: number;
}

export interface TrainOptions {
  /** The units whose networks learn; all others stay as they are. */
  readonly units: readonly number[];
  readonly epochs: number;
  readonly rng: Rng;
  readonly signal: AbortSignal | undefined;
  onEpoch(report: EpochReport): void;
}

/** An epoch has at least this many steps where the rows allow it, of at least and at most so many rows. */
const STEPS = 5;
const LEAST_BATCH_ROWS = 8;
const MOST_BATCH_ROWS = 64;
/**
 * Steps that training takes unless it is told otherwise, and epochs at least. Networks that begin with what they knew
 * are close to their goal: what they have to learn is a correction. Where what surrounds them has changed, and what they
 * knew still holds, half of the steps are as good.
 */
const DEFAULT_LENGTH = {
  'from nothing': { steps: 900, epochs: 20 },
  'from known': { steps: 150, epochs: 4 },
  'from what holds': { steps: 72, epochs: 2 },
};
export type Start = keyof typeof DEFAULT_LENGTH;
/** Weight decay is this over the number of rows, at most 1: the fewer the data, the more the prior on weights counts. */
const PRIOR_ROWS = 50;
/** Steps, and part of all steps, over which β grows to its full value: whichever is less. */
const WARM_UP_STEPS = 200;
const WARM_UP_PART = 1 / 3;
/** A loss counts as better when it is so by this part; so many steps, and epochs, without one end the training. */
const LEAST_GAIN = 0.002;
const PATIENCE_STEPS = 250;
const PATIENCE_EPOCHS = 4;

function batchSize(rows: number): number {
  return Math.min(MOST_BATCH_ROWS, Math.max(LEAST_BATCH_ROWS, Math.ceil(rows / STEPS)));
}

/** Epochs for so many rows of training. */
export function defaultEpochs(rows: number, start: Start): number {
  const { steps, epochs } = DEFAULT_LENGTH[start];
  return Math.min(150, Math.max(epochs, Math.ceil(steps / Math.ceil(rows / batchSize(rows)))));
}

/**
 * Returns the parameters that were best on the held-out rows. Leaves no tensor behind; the signal's reason is thrown.
 */
export async function train(
  layout: Layout,
  scales: Scales,
  rows: { readonly training: readonly Row[]; readonly heldOut: readonly Row[] },
  start: Parameters,
  options: TrainOptions,
): Promise<Parameters> {
  const stacks = stackUnits(layout, options.units);
  const loss = new TrainingLoss(layout, scales, stacks);
  const learnt = new Float32Array(loss.networks + layout.edges.length);
  learnt.set(pack(layout, stacks, start));
  learnt.set(start.corrections, loss.networks);
  const adam = new Adam(learnt.length, Math.min(1, PRIOR_ROWS / rows.training.length));
  let order: readonly number[] = rows.training.map((_, i) => i);
  const batchRows = batchSize(order.length);
  const steps = Math.ceil(order.length / batchRows);
  const warmUpSteps = Math.min(WARM_UP_STEPS, Math.ceil(WARM_UP_PART * options.epochs * steps));
  const patience = Math.max(PATIENCE_EPOCHS, Math.ceil(PATIENCE_STEPS / steps));
  const best = Float32Array.from(learnt);
  let bestLoss = Number.POSITIVE_INFINITY;
  let bestEpoch = 0;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    order = shuffled(order, options.rng);
    for (let step = 0; step < steps; step++) {
      const done = (epoch - 1) * steps + step;
      const beta = FULL_WEIGHTS.beta * Math.min(1, (done + 1) / warmUpSteps);
      const picked = order.slice(step * batchRows, (step + 1) * batchRows);
      const slope = loss.slope(
        picked.map((i) => rows.training[i] as Row),
        learnt,
        { weights: { ...FULL_WEIGHTS, beta }, rng: options.rng },
      );
      adam.step(learnt, slope, learningRate(done / (options.epochs * steps)));
    }
    const judged = loss.judge(rows.heldOut, learnt);
    if (judged.loss < bestLoss * (1 - LEAST_GAIN) || bestEpoch === 0) bestEpoch = epoch;
    if (judged.loss < bestLoss) {
      bestLoss = judged.loss;
      best.set(learnt);
    }
    options.onEpoch({ epoch, ...judged });
    // Lets timers, requests and the abort that may be waiting have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    options.signal?.throwIfAborted();
    if (epoch - bestEpoch >= patience) break;
  }
  const { units } = unpack(layout, stacks, best.subarray(0, loss.networks), start);
  const corrections = best.subarray(loss.networks);
  return { units, corrections: learntCorrections(layout, new Set(loss.decoded), corrections, start) };
}

/** Those of edges into nodes that were decoded; the data told nothing of the others. */
function learntCorrections(
  { edges }: Layout,
  decoded: ReadonlySet<number>,
  learnt: Float32Array,
  start: Parameters,
): Float32Array {
  return Float32Array.from(edges, ({ child }, e) =>
    decoded.has(child) ? (learnt[e] as number) : (start.corrections[e] as number),
  );
}
