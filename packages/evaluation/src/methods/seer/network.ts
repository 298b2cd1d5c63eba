import { type Rng, shuffled } from '@sage/core';
import * as tf from '@tensorflow/tfjs-core';
import type { DepthSpan } from './examples.js';

/** The convolution sees so many seconds, and a tier with so many neighbours on either side. */
const KERNEL_SECONDS = 3;
const NEIGHBOURS = 1;
const PATCH = KERNEL_SECONDS * (2 * NEIGHBOURS + 1);
const FILTERS = 8;
const HIDDEN = 32;
const RATE = 3e-3;
const BATCH = 64;
const EPOCHS = 60;
/** So many epochs without a better loss on the held-out examples end the training. */
const PATIENCE = 8;

/** A span and, tier by tier, 1 for who is to blame. */
export interface Example {
  readonly span: DepthSpan;
  readonly blame: Float32Array;
}

interface Weights {
  readonly shape: readonly [number, number];
  readonly values: Float32Array;
}

/** Convolution, input and recurrence of the LSTM, output, each with its bias. */
type Parameters = readonly Weights[];

/**
 * A convolution over (time × tiers), an LSTM over what it gives, and an output for each tier. The weights are plain numbers
 * and every call leaves no tensor behind.
 */
export class SeerNetwork {
  private constructor(
    private readonly tiers: number,
    private readonly parameters: Parameters,
  ) {}

  /** Trains on examples until the held-out ones are fitted no better; `loadBackend` of @sage/gvae has to be done. */
  static async fit(
    examples: readonly Example[],
    heldOut: readonly Example[],
    { tiers, rng, onEpoch }: { tiers: number; rng: Rng; onEpoch: (part: number, loss: number) => void },
  ): Promise<SeerNetwork> {
    const start = initialParameters(tiers, rng);
    const variables = start.map(({ shape, values }) =>
      // What a variable begins with is a tensor of its own.
      tf.tidy(() => tf.variable(tf.tensor2d(values, [...shape]))),
    );
    const optimizer = tf.train.adam(RATE);
    const read = () =>
      variables.map(
        (variable, i): Weights => ({
          shape: (start[i] as Weights).shape,
          values: Float32Array.from(variable.dataSync()),
        }),
      );
    let [best, bestLoss, bestEpoch] = [start, Number.POSITIVE_INFINITY, 0];
    try {
      for (let epoch = 1; epoch <= EPOCHS && epoch - bestEpoch <= PATIENCE; epoch++) {
        for (const batch of batches(shuffled(examples, rng))) {
          optimizer.minimize(() => lossOf(variables, batch, tiers), false, variables);
        }
        const loss = meanLoss(variables, heldOut, tiers);
        if (loss < bestLoss) [best, bestLoss, bestEpoch] = [read(), loss, epoch];
        onEpoch(epoch / EPOCHS, loss);
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      optimizer.dispose();
      tf.dispose(variables);
    }
    return new SeerNetwork(tiers, best);
  }

  /** Of every tier the probability that it is to blame, the mean over the spans. */
  blame(spans: readonly DepthSpan[]): Float32Array {
    return tf.tidy(() => {
      const tensors = this.parameters.map(({ shape, values }) => tf.tensor2d(values, [...shape]));
      const logits = forward(tensors, spans, this.tiers);
      return Float32Array.from(tf.mean(tf.sigmoid(logits), 0).dataSync());
    });
  }
}

/** Uniform within ±√(6 / (inputs + outputs)) (Glorot and Bengio 2010), biases 0 but the forget gate's, 1. */
function initialParameters(tiers: number, rng: Rng): Parameters {
  const drawn = (inputs: number, outputs: number): Weights => {
    const limit = Math.sqrt(6 / (inputs + outputs));
    const values = Float32Array.from({ length: inputs * outputs }, () => limit * (2 * rng.uniform() - 1));
    return { shape: [inputs, outputs], values };
  };
  const bias = (outputs: number): Weights => ({ shape: [1, outputs], values: new Float32Array(outputs) });
  const gates = bias(4 * HIDDEN);
  gates.values.fill(1, HIDDEN, 2 * HIDDEN);
  return [
    drawn(PATCH, FILTERS),
    bias(FILTERS),
    drawn(tiers * FILTERS, 4 * HIDDEN),
    drawn(HIDDEN, 4 * HIDDEN),
    gates,
    drawn(HIDDEN, tiers),
    bias(tiers),
  ];
}

/** [span][tier], before the sigmoid. */
function forward(parameters: readonly tf.Tensor[], spans: readonly DepthSpan[], tiers: number): tf.Tensor2D {
  const [convolution, convolutionBias, input, recurrence, gateBias, output, outputBias] =
    parameters as tf.Tensor2D[] & { length: 7 };
  const count = spans.length;
  let hidden: tf.Tensor = tf.zeros([count, HIDDEN]);
  let cell: tf.Tensor = tf.zeros([count, HIDDEN]);
  const steps = Math.floor((spans[0]?.length ?? 0) / KERNEL_SECONDS);
  for (let step = 0; step < steps; step++) {
    const patches = tf.tensor2d(patchesAt(spans, step, tiers), [count * tiers, PATCH]);
    const filtered = tf.relu(
      tf.add(tf.matMul(patches, convolution as tf.Tensor2D), convolutionBias as tf.Tensor),
    );
    const features = tf.reshape(filtered, [count, tiers * FILTERS]) as tf.Tensor2D;
    const gates = tf.add(
      tf.add(
        tf.matMul(features, input as tf.Tensor2D),
        tf.matMul(hidden as tf.Tensor2D, recurrence as tf.Tensor2D),
      ),
      gateBias as tf.Tensor,
    );
    const [enter, forget, leave, candidate] = tf.split(gates, 4, 1) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    cell = tf.add(tf.mul(squash(forget), cell), tf.mul(squash(enter), tf.tanh(candidate)));
    hidden = tf.mul(squash(leave), tf.tanh(cell));
  }
  return tf.add(tf.matMul(hidden as tf.Tensor2D, output as tf.Tensor2D), outputBias as tf.Tensor);
}

/** The sigmoid, of operations that have a derivative on every backend. */
function squash(x: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(tf.tanh(tf.mul(x, 0.5)), 0.5), 0.5);
}

/** For each span and tier what the convolution sees at a step; beyond the first and the last tier are zeros. */
function patchesAt(spans: readonly DepthSpan[], step: number, tiers: number): Float32Array {
  const patches = new Float32Array(spans.length * tiers * PATCH);
  let at = 0;
  for (const span of spans) {
    for (let tier = 0; tier < tiers; tier++) {
      for (let second = 0; second < KERNEL_SECONDS; second++) {
        const row = span[step * KERNEL_SECONDS + second] as Float32Array;
        for (let near = tier - NEIGHBOURS; near <= tier + NEIGHBOURS; near++) patches[at++] = row[near] ?? 0;
      }
    }
  }
  return patches;
}

/** Cross-entropy, the sum over tiers and the mean over examples: softplus(z) − y z. */
function lossOf(parameters: readonly tf.Tensor[], batch: readonly Example[], tiers: number): tf.Scalar {
  const logits = forward(
    parameters,
    batch.map(({ span }) => span),
    tiers,
  );
  const blame = new Float32Array(batch.length * tiers);
  batch.forEach((example, i) => {
    blame.set(example.blame, i * tiers);
  });
  const target = tf.tensor2d(blame, [batch.length, tiers]);
  return tf.div(tf.sum(tf.sub(tf.softplus(logits), tf.mul(target, logits))), batch.length);
}

function meanLoss(parameters: readonly tf.Tensor[], examples: readonly Example[], tiers: number): number {
  let sum = 0;
  for (const batch of batches(examples)) {
    sum += tf.tidy(() => lossOf(parameters, batch, tiers).dataSync()[0] as number) * batch.length;
  }
  return sum / examples.length;
}

function* batches(examples: readonly Example[]): Generator<readonly Example[]> {
  for (let from = 0; from < examples.length; from += BATCH) yield examples.slice(from, from + BATCH);
}
