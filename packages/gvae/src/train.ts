import type { Rng } from '@sage/core';
import * as tf from '@tensorflow/tfjs-core';
import { Adam, learningRate } from './adam.js';
import { type Batch, buildBatch } from './batch.js';
import type { Inputs } from './inputs.js';
import { type Edge, type Layout, reachOf } from './layout.js';
import { dataLoss, FULL_WEIGHTS, type LossWeights } from './loss.js';
import { edgeWeights, type Parameters } from './parameters.js';
import type { Scales } from './scales.js';
import { listTensors, pack, type Stack, type StackTensor, stackUnits, toTensors, unpack } from './stacks.js';
import { StructuralLoss } from './structural-loss.js';

/** A window read for training; `fixed`: see `StructuralLoss.evaluate`. */
export interface Row {
  readonly inputs: Inputs;
  readonly fixed: Float32Array | undefined;
}

export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** On the held-out rows. */
  readonly loss: number;
  /** [node]: Σ of squared errors of log1p(ms) on the held-out rows; 0 for nodes that are not trained. */
  readonly squared: Float64Array;
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
 * are close to their goal: what they have to learn is a correction.
 */
const DEFAULT_LENGTH = {
  'from nothing': { steps: 900, epochs: 20 },
  'from known': { steps: 150, epochs: 4 },
};
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
export function defaultEpochs(rows: number, start: keyof typeof DEFAULT_LENGTH): number {
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
  const problem: Problem = {
    layout,
    scales,
    stacks,
    tensors: listTensors(stacks),
    structure: new StructuralLoss(layout, scales, stacks),
  };
  const packed = pack(layout, stacks, start);
  // One vector for all that is learnt: the networks, then the edges' corrections.
  const learnt = new Float32Array(packed.length + layout.edges.length);
  learnt.set(packed);
  learnt.set(start.corrections, packed.length);
  const adam = new Adam(learnt.length, Math.min(1, PRIOR_ROWS / rows.training.length));
  const order = rows.training.map((_, i) => i);
  const batchRows = batchSize(order.length);
  const steps = Math.ceil(order.length / batchRows);
  const warmUpSteps = Math.min(WARM_UP_STEPS, Math.ceil(WARM_UP_PART * options.epochs * steps));
  const patience = Math.max(PATIENCE_EPOCHS, Math.ceil(PATIENCE_STEPS / steps));
  let best = Float32Array.from(learnt);
  let bestLoss = Number.POSITIVE_INFINITY;
  let bestEpoch = 0;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    shuffle(order, options.rng);
    for (let step = 0; step < steps; step++) {
      const done = (epoch - 1) * steps + step;
      const beta = FULL_WEIGHTS.beta * Math.min(1, (done + 1) / warmUpSteps);
      const picked = order.slice(step * batchRows, (step + 1) * batchRows);
      const gradient = slope(
        problem,
        picked.map((i) => rows.training[i] as Row),
        learnt,
        { weights: { ...FULL_WEIGHTS, beta }, rng: options.rng },
      );
      adam.step(learnt, gradient, learningRate(done / (options.epochs * steps)));
    }
    const judged = judge(problem, rows.heldOut, learnt);
    if (judged.loss < bestLoss * (1 - LEAST_GAIN) || bestEpoch === 0) bestEpoch = epoch;
    if (judged.loss < bestLoss) {
      bestLoss = judged.loss;
      best = Float32Array.from(learnt);
    }
    options.onEpoch({ epoch, ...judged });
    // Lets timers, requests and the abort that may be waiting have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    options.signal?.throwIfAborted();
    if (epoch - bestEpoch >= patience) break;
  }
  const { units } = unpack(layout, stacks, best.subarray(0, packed.length), start);
  return { units, corrections: learntCorrections(problem, best.subarray(packed.length), start) };
}

interface Problem {
  readonly layout: Layout;
  readonly scales: Scales;
  readonly stacks: readonly Stack[];
  readonly tensors: readonly StackTensor[];
  readonly structure: StructuralLoss;
}

/** Those of edges into nodes that were decoded; the data told nothing of the others. */
function learntCorrections(
  { layout, structure }: Problem,
  learnt: Float32Array,
  start: Parameters,
): Float32Array {
  const decoded = new Set(structure.decoded);
  return Float32Array.from(layout.edges, ({ child }, e) =>
    decoded.has(child) ? (learnt[e] as number) : (start.corrections[e] as number),
  );
}

function networkPart({ tensors }: Problem): number {
  return tensors.reduce((sum, { size }) => sum + size, 0);
}

/** The gradient of the loss by all that is learnt. */
function slope(
  problem: Problem,
  rows: readonly Row[],
  learnt: Float32Array,
  { weights, rng }: { readonly weights: LossWeights; readonly rng: Rng },
): Float32Array {
  const { layout, stacks, tensors, structure } = problem;
  const gradient = new Float32Array(learnt.length);
  const networks = networkPart(problem);
  const corrections = learnt.subarray(networks);
  const edges = edgeWeights(layout, corrections);
  const batch = batchOf(problem, rows, rng);
  tf.tidy(() => {
    const gradients = tf.grads((...values: tf.Tensor[]) =>
      dataLoss(structure, stacks, values, batch, {
        weights,
        edgeWeights: edges,
        fixed: fixedOf(rows),
        withSlopes: true,
        onErrors: (_, slopes) => {
          corrections.forEach((theta, e) => {
            // w = prior · exp(r tanh θ), so dw/dθ = w r (1 − tanh² θ); the pull is c · mean θ².
            const edge = layout.edges[e] as Edge;
            const bend = reachOf(edge) * (1 - Math.tanh(theta) ** 2) * (edges[e] as number);
            const pull = edge.aggregate ? 0 : (2 * weights.corrections * theta) / corrections.length;
            gradient[networks + e] = (slopes?.[e] ?? 0) * bend + pull;
          });
        },
      }),
    )(toTensors(tensors, learnt));
    gradients.forEach((part, i) => {
      gradient.set(part.dataSync() as Float32Array, tensors[i]?.offset);
    });
  });
  return gradient;
}

function judge(problem: Problem, rows: readonly Row[], learnt: Float32Array) {
  const { layout, stacks, tensors, structure } = problem;
  let loss = 0;
  const squared = new Float64Array(layout.nodes.length);
  const corrections = learnt.subarray(networkPart(problem));
  for (let first = 0; first < rows.length; first += MOST_BATCH_ROWS) {
    const part = rows.slice(first, first + MOST_BATCH_ROWS);
    tf.tidy(() => {
      const value = dataLoss(
        structure,
        stacks,
        toTensors(tensors, learnt),
        batchOf(problem, part, undefined),
        {
          // Of errors alone: β holds the latents together while they learn, and is no measure of what came of it.
          weights: { ...FULL_WEIGHTS, beta: 0 },
          edgeWeights: edgeWeights(layout, corrections),
          fixed: fixedOf(part),
          withSlopes: false,
          onErrors: (errors) => {
            errors.squared.forEach((sum, v) => {
              squared[v] = (squared[v] as number) + sum;
            });
          },
        },
      );
      loss += ((value.dataSync()[0] as number) * part.length) / rows.length;
    });
  }
  return { loss, squared };
}

function batchOf(problem: Problem, rows: readonly Row[], rng: Rng | undefined): Batch {
  return buildBatch(
    problem,
    problem.stacks,
    rows.map(({ inputs }) => inputs),
    rng,
  );
}

function fixedOf(rows: readonly Row[]): readonly Float32Array[] | undefined {
  const fixed = rows.flatMap((row) => row.fixed ?? []);
  return fixed.length === 0 ? undefined : fixed;
}

/** Fisher and Yates, in place. */
function shuffle(items: number[], rng: Rng): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = rng.integer(i + 1);
    [items[i], items[j]] = [items[j] as number, items[i] as number];
  }
}
