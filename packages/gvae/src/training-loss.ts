import type { Rng } from '@sage/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Batch, type BatchShape, buildBatch, shapeBatches } from './batch.js';
import type { Inputs } from './inputs.js';
import { type Edge, type Layout, reachOf } from './layout.js';
import { dataLoss, FULL_WEIGHTS, type LossWeights } from './loss.js';
import { edgeWeights } from './parameters.js';
import type { Scales } from './scales.js';
import { listTensors, type Stack, type StackTensor, toTensors } from './stacks.js';
import { StructuralLoss } from './structural-loss.js';

/** A window read for training; `fixed`: see `StructuralLoss.evaluate`. */
export interface Row {
  readonly inputs: Inputs;
  readonly fixed: Float32Array | undefined;
}

/** What held-out rows say of parameters. */
export interface Judgement {
  readonly loss: number;
  /** [node]: Σ of squared errors of log1p(ms); 0 for nodes that are not trained. */
  readonly squared: Float64Array;
}

/**
 * Rows times units that go through the networks at once. Whatever the layers compute is kept until the slopes are known,
 * and memory that WebAssembly was once given it keeps for good: without a limit it would grow with the application.
 */
const MOST_UNIT_ROWS = 16_384;
const MOST_ROWS = 64;

/**
 * The loss and its slopes as functions of one vector: the networks, as `pack` lays them out, then the edges' corrections.
 * Of many rows, part by part; each part counts by its rows.
 */
export class TrainingLoss {
  readonly #layout: Layout;
  readonly #stacks: readonly Stack[];
  readonly #tensors: readonly StackTensor[];
  readonly #shape: BatchShape;
  readonly #structure: StructuralLoss;
  /** Where in the vector the corrections begin. */
  readonly networks: number;
  readonly #rowsAtOnce: number;

  constructor(layout: Layout, scales: Scales, stacks: readonly Stack[], mostUnitRows = MOST_UNIT_ROWS) {
    this.#layout = layout;
    this.#stacks = stacks;
    this.#tensors = listTensors(stacks);
    this.#shape = shapeBatches(layout, scales, stacks);
    this.#structure = new StructuralLoss(layout, scales, stacks);
    this.networks = this.#tensors.reduce((sum, { size }) => sum + size, 0);
    const units = stacks.reduce((sum, stack) => sum + stack.units.length, 0);
    this.#rowsAtOnce = Math.min(MOST_ROWS, Math.max(1, Math.floor(mostUnitRows / units)));
  }

  /** Nodes whose latency is decoded, ascending. */
  get decoded(): readonly number[] {
    return this.#structure.decoded;
  }

  slope(
    rows: readonly Row[],
    learnt: Float32Array,
    { weights, rng }: { readonly weights: LossWeights; readonly rng: Rng },
  ): Float32Array {
    const slope = new Float32Array(learnt.length);
    const corrections = learnt.subarray(this.networks);
    const edges = edgeWeights(this.#layout, corrections);
    for (const part of this.#parts(rows)) {
      const share = part.length / rows.length;
      const batch = this.#batch(part, rng);
      tf.tidy(() => {
        const slopes = tf.grads((...tensors: tf.Tensor[]) =>
          dataLoss(this.#structure, this.#stacks, tensors, batch, {
            weights,
            edgeWeights: edges,
            fixed: fixedOf(part),
            withSlopes: true,
            onErrors: (_, byWeight) => {
              // w = prior · exp(r tanh θ), so dw/dθ = w r (1 − tanh² θ).
              const byCorrection = corrections.map(
                (theta, e) =>
                  reachOf(this.#layout.edges[e] as Edge) *
                  (1 - Math.tanh(theta) ** 2) *
                  (edges[e] as number) *
                  (byWeight?.[e] as number),
              );
              addTo(slope, this.networks, byCorrection, share);
            },
          }),
        )(toTensors(this.#tensors, learnt));
        slopes.forEach((tensor, i) => {
          addTo(slope, this.#tensors[i]?.offset as number, tensor.dataSync() as Float32Array, share);
        });
      });
    }
    // The pull on corrections is c · mean θ².
    corrections.forEach((theta, e) => {
      if (this.#layout.edges[e]?.aggregate) return;
      const at = this.networks + e;
      slope[at] = (slope[at] as number) + (2 * weights.corrections * theta) / corrections.length;
    });
    return slope;
  }

  /** Of errors alone: β holds the latents together while they learn, and is no measure of what came of it. */
  judge(rows: readonly Row[], learnt: Float32Array): Judgement {
    let loss = 0;
    const squared = new Float64Array(this.#layout.nodes.length);
    const edges = edgeWeights(this.#layout, learnt.subarray(this.networks));
    for (const part of this.#parts(rows)) {
      tf.tidy(() => {
        const tensors = toTensors(this.#tensors, learnt);
        const value = dataLoss(this.#structure, this.#stacks, tensors, this.#batch(part, undefined), {
          weights: { ...FULL_WEIGHTS, beta: 0 },
          edgeWeights: edges,
          fixed: fixedOf(part),
          withSlopes: false,
          onErrors: (errors) => {
            errors.squared.forEach((sum, v) => {
              squared[v] = (squared[v] as number) + sum;
            });
          },
        });
        loss += ((value.dataSync()[0] as number) * part.length) / rows.length;
      });
    }
    return { loss, squared };
  }

  *#parts(rows: readonly Row[]): Generator<readonly Row[]> {
    for (let first = 0; first < rows.length; first += this.#rowsAtOnce) {
      yield rows.slice(first, first + this.#rowsAtOnce);
    }
  }

  #batch(rows: readonly Row[], rng: Rng | undefined): Batch {
    return buildBatch(
      this.#shape,
      rows.map(({ inputs }) => inputs),
      rng,
    );
  }
}

/** target += share · values, from a position on. */
function addTo(target: Float32Array, from: number, values: Float32Array, share: number): void {
  for (let i = 0; i < values.length; i++) {
    target[from + i] = (target[from + i] as number) + share * (values[i] as number);
  }
}

function fixedOf(rows: readonly Row[]): readonly Float32Array[] | undefined {
  const fixed = rows.flatMap((row) => row.fixed ?? []);
  return fixed.length === 0 ? undefined : fixed;
}
